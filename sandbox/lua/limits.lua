-- The rate limit: a token bucket for each key, 100 requests a minute, 120 at once after a pause.
-- A bucket is kept as one number, the time at which it will be full again.

local problem = require "problem"

local limits = {}

local PER_MINUTE = 100
local BURST = 120
local INTERVAL = 60 / PER_MINUTE

local function duration(seconds)
  if seconds < 1 then
    return ("%dms"):format(seconds * 1000)
  end
  return ("%dm%ds"):format(seconds / 60, seconds % 60)
end

---Takes one token.
---@return table headers  what the answer says about the limit
---@return table? problem
function limits.take(key)
  if key.unlimited then
    return {}
  end
  local now = ngx.now()
  local full_at = math.max(ngx.shared.limits:get(key.name) or 0, now)
  local left = BURST - (full_at - now) / INTERVAL
  local short = left < 1
  if not short then
    full_at = full_at + INTERVAL
    left = left - 1
    ngx.shared.limits:set(key.name, full_at)
  end
  local retry_after = short and math.ceil((1 - left) * INTERVAL) or 0
  -- The bucket may hold more than a minute's worth; the documented figures never do.
  local remaining = math.min(math.floor(left), PER_MINUTE)
  local headers = {
    ["X-RateLimit-Limit"] = PER_MINUTE,
    ["X-RateLimit-Remaining"] = remaining,
    ["X-RateLimit-Reset"] = math.ceil(full_at),
    ["X-RateLimit-Retry-After"] = retry_after,
    ["x-ratelimit-limit-requests"] = PER_MINUTE,
    ["x-ratelimit-remaining-requests"] = remaining,
    ["x-ratelimit-reset-requests"] = duration(full_at - now),
  }
  if short then
    return headers, problem.new(429, "RATE_LIMIT_EXCEEDED", "The key's bucket is empty.", nil, {
      ["Retry-After"] = retry_after,
    })
  end
  return headers
end

return limits
