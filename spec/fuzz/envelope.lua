--- What must hold for the Error of any answer. The first byte chooses the status, the rest is the
--- body. Returns a function that raises where a rule is broken.
local cjson = require("cjson").new()
local failure = require "aitronos.failure"

cjson.decode_max_depth(100)

local STATUSES = { 301, 400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503, 504, 599 }
local TYPES = {
  kind = "string", code = "string", message = "string", system_message = "string",
  type = "string", details = "table", trace_id = "string", timestamp = "string",
  status = "number", request_id = "string", outcome = "string", retryable = "boolean",
  attempts = "number", elapsed = "number",
}

local function holds_secret(value, depth)
  if type(value) == "string" then
    return value:find("invite=[%w]") ~= nil
  end
  if type(value) ~= "table" then
    return false
  end
  assert(depth < 40, "details nest too deep")
  for key, item in pairs(value) do
    if key == "invitation_key" or key == "invitation_link" or key == "email_key" then
      return true
    end
    if holds_secret(item, depth + 1) then
      return true
    end
  end
  return false
end

return function(input)
  local choice = input:byte(1) or 0
  local decoded, body = pcall(cjson.decode, input:sub(2))
  local err = failure.error {
    status = STATUSES[choice % #STATUSES + 1],
    body = decoded and type(body) == "table" and body or nil,
    request_id = input:sub(2, 200),
    text = input:sub(2, 300),
    outcome = choice >= 128 and "unknown" or "rejected",
    retryable = choice % 2 == 0,
    attempts = 1,
    elapsed = 0.5,
  }
  for field, kind in pairs(TYPES) do
    assert(err[field] == nil or type(err[field]) == kind, field)
  end
  assert(not (err.retryable and err.outcome == "unknown"), "retryable, though unknown")
  assert(#err.message <= 1024 and #err.code <= 128, "too long")
  local line = tostring(err)
  assert(#line <= 512 and not line:find("[%z\1-\31\127]"), "the line")
  assert(not holds_secret(err, 0), "a secret")
  cjson.encode(err:to_table())
end
