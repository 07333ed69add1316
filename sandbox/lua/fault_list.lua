-- The faults that there are. One that `makes` acts on the answer to a call that was done; any other
-- takes the place of the call, and gets a function that does it. A `seed` changes what exists. A
-- fault strikes where its address says, unless it has a `place` of its own.

local clock = require "clock"
local ids = require "ids"
local json = require "json"
local problem = require "problem"
local reply = require "reply"

local HOLD = 60
local HOUR = 3600
local MEGABYTE = 1024 * 1024
local HTML = "<html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n"

local function refuse(status, code, headers)
  return function()
    reply.problem(problem.new(status, code, "A fault that was asked for.", nil, headers))
  end
end

local function refuse_with(status, body)
  return function()
    reply.json(status, body)
  end
end

local function html(status, title)
  return function()
    reply.text(status, HTML:format(title, title), "text/html")
  end
end

local function reset()
  return ngx.exec("@reset")
end

local function hang()
  ngx.sleep(HOLD)
  return reply.close()
end

-- Past nginx, which would only send what is HTTP. Over HTTP/2, just the end of the stream.
local function raw(bytes)
  return function()
    if ngx.req.http_version() < 2 then
      ngx.req.socket(true):send(bytes)
    end
    return reply.close()
  end
end

local function spoil(change)
  return function(answer)
    reply.text(answer.status, change(json.encode(answer.body)))
  end
end

local function drip(answer)
  local text = json.encode(answer.body)
  reply.head(answer.status, #text)
  for place = 1, #text do
    ngx.print(text:sub(place, place))
    ngx.flush(true)
    ngx.sleep(0.01)
  end
end

local function cut(answer)
  local text = json.encode(answer.body)
  reply.head(answer.status, #text)
  ngx.print(text:sub(1, #text / 2))
  ngx.flush(true)
  return reply.close()
end

-- An honest answer but for its size. nginx packs those of status 200 only.
local function pad(megabytes, status)
  return function(answer)
    local text = json.encode(answer.body)
    local chunk = (" "):rep(MEGABYTE / 16)
    reply.head(status or answer.status, #text + megabytes * MEGABYTE)
    ngx.print(text:sub(1, -2))
    for _ = 1, megabytes * 16 do
      ngx.print(chunk)
      if not ngx.flush(true) then
        return
      end
    end
    ngx.print("}")
  end
end

local function big_headers(answer)
  for number = 1, 200 do
    ngx.header["x-padding-" .. number] = ("p"):rep(1000)
  end
  reply.json(answer.status, answer.body)
end

local function late(_, make)
  ngx.timer.at(2, make)
  return reply.close()
end

local function slow(answer)
  ngx.sleep(2)
  reply.json(answer.status, answer.body)
end

local AFTER_ONE_SECOND = { ["Retry-After"] = 1 }

return {
  { name = "400", what = "400 VALIDATION_ERROR", act = refuse(400, "VALIDATION_ERROR") },
  { name = "401", what = "401 INVALID_API_KEY", act = refuse(401, "INVALID_API_KEY") },
  { name = "403", what = "403 OPERATION_NOT_ALLOWED", act = refuse(403, "OPERATION_NOT_ALLOWED") },
  { name = "404", what = "404 NOT_FOUND", act = refuse(404, "NOT_FOUND") },
  { name = "408", what = "408 REQUEST_TIMEOUT", act = refuse(408, "REQUEST_TIMEOUT") },
  { name = "409", what = "409 CONFLICT", act = refuse(409, "CONFLICT") },
  { name = "422", what = "422 VALIDATION_ERROR", act = refuse(422, "VALIDATION_ERROR") },
  { name = "425", what = "425 TOO_EARLY", act = refuse(425, "TOO_EARLY") },
  {
    name = "429",
    what = "429 RATE_LIMIT_EXCEEDED, Retry-After: 1",
    act = refuse(429, "RATE_LIMIT_EXCEEDED", AFTER_ONE_SECOND),
  },
  {
    name = "429date",
    what = "429, Retry-After as a date two seconds ahead",
    act = function()
      refuse(429, "RATE_LIMIT_EXCEEDED", { ["Retry-After"] = ngx.http_time(ngx.time() + 2) })()
    end,
  },
  {
    name = "429bare",
    what = "429 without Retry-After",
    act = refuse(429, "RATE_LIMIT_EXCEEDED"),
  },
  {
    name = "429long",
    what = "429, Retry-After: 3600",
    act = refuse(429, "RATE_LIMIT_EXCEEDED", { ["Retry-After"] = HOUR }),
  },
  { name = "500", what = "500 INTERNAL_SERVER_ERROR", act = refuse(500, "INTERNAL_SERVER_ERROR") },
  { name = "502", what = "502 BAD_GATEWAY", act = refuse(502, "BAD_GATEWAY") },
  {
    name = "503",
    what = "503 SERVICE_UNAVAILABLE, Retry-After: 1",
    act = refuse(503, "SERVICE_UNAVAILABLE", AFTER_ONE_SECOND),
  },
  {
    name = "503bare",
    what = "503 without Retry-After",
    act = refuse(503, "SERVICE_UNAVAILABLE"),
  },
  {
    name = "503veto",
    what = "503, Retry-After: 1, x-should-retry: false",
    act = refuse(503, "SERVICE_UNAVAILABLE", {
      ["Retry-After"] = 1,
      ["x-should-retry"] = "false",
    }),
  },
  { name = "504", what = "504 GATEWAY_TIMEOUT", act = refuse(504, "GATEWAY_TIMEOUT") },
  {
    name = "detail422",
    what = "422 with a list `detail` instead of the envelope",
    act = refuse_with(422, {
      detail = { { loc = { "body", "email" }, msg = "value is not valid", type = "value_error" } },
    }),
  },
  {
    name = "detail403",
    what = "403 with a text `detail` instead of the envelope",
    act = refuse_with(403, { detail = "Not allowed" }),
  },
  {
    name = "older400",
    what = "400 in the older envelope",
    act = refuse_with(400, {
      detail = "Validation failed",
      status_code = 400,
      error_type = "ValidationError",
      meta = { timestamp = "2024-01-01T00:00:00Z", request_id = "req_older" },
      errors = { { field = "email", message = "Not accepted", code = "INVALID_FORMAT" } },
    }),
  },
  { name = "html502", what = "502 with a gateway's HTML", act = html(502, "502 Bad Gateway") },
  {
    name = "redirect",
    what = "307 to another path",
    act = function()
      ngx.header["Location"] = "/v1/elsewhere"
      reply.text(307, "")
    end,
  },
  { name = "lostrequest", what = "connection closed without a byte, not made", act = reply.close },
  { name = "resetrequest", what = "connection reset without a byte, not made", act = reset },
  { name = "hang", what = "no answer for 60 seconds, not made", act = hang },
  { name = "late2", what = "connection closed without a byte, made 2 seconds later", act = late },

  { name = "500made", what = "500, but made", makes = true, act = refuse(500, "MAIL_FAILED") },
  { name = "504made", what = "504, but made", makes = true, act = refuse(504, "GATEWAY_TIMEOUT") },
  {
    name = "lostreply",
    what = "made, connection closed without a byte",
    makes = true,
    act = reply.close,
  },
  {
    name = "resetreply",
    what = "made, connection reset without a byte",
    makes = true,
    act = reset,
  },
  { name = "hangmade", what = "made, no answer for 60 seconds", makes = true, act = hang },
  { name = "slow", what = "made, answered after 2 seconds", makes = true, act = slow },
  { name = "drip", what = "made, the body byte by byte, 100 a second", makes = true, act = drip },
  {
    name = "nothttp",
    what = "made, bytes that are not HTTP",
    makes = true,
    act = raw("220 mail.example.com ESMTP\r\n"),
  },
  {
    name = "cuthead",
    what = "made, connection closed inside the headers",
    makes = true,
    act = raw("HTTP/1.1 201 Created\r\nContent-Type: appl"),
  },
  {
    name = "cutbody",
    what = "made, connection closed half way through the body",
    makes = true,
    act = cut,
  },
  {
    name = "badjson",
    what = "made, broken JSON",
    makes = true,
    act = spoil(function(text) return text:sub(1, -2) end),
  },
  {
    name = "emptybody",
    what = "made, no body",
    makes = true,
    act = spoil(function() return "" end),
  },
  { name = "html201", what = "made, HTML", makes = true, act = html(201, "Welcome") },
  {
    name = "array201",
    what = "made, a JSON array",
    makes = true,
    act = spoil(function(text) return "[" .. text .. "]" end),
  },
  {
    name = "noid201",
    what = "made, an object without invitation_id",
    makes = true,
    act = function(answer)
      answer.body.invitation_id = nil
      reply.json(answer.status, answer.body)
    end,
  },
  { name = "big", what = "made, a body of 8 MiB", makes = true, act = pad(8) },
  {
    name = "gzipbomb",
    what = "made, 200, a body of 32 MiB that travels as some 150 kB to those who accept gzip",
    makes = true,
    act = pad(32, 200),
  },
  { name = "bigheaders", what = "made, 200 headers of 1 kB", makes = true, act = big_headers },
  {
    name = "deepjson",
    what = "made, arrays 100,000 deep in an extra field",
    makes = true,
    act = spoil(function(text)
      local depth = 100000
      return text:sub(1, -2) .. ',"deep":' .. ("["):rep(depth) .. ("]"):rep(depth) .. "}"
    end),
  },

  {
    name = "lookupolder",
    what = "an invitation made an hour ago is pending already",
    seed = function() return { created_at = math.floor(clock.now()) - HOUR } end,
  },
  {
    name = "lookuprole",
    what = "the invitation is found with another role",
    seed = function(role_id)
      return { role_id = role_id == "role_admin" and "role_member" or "role_admin" }
    end,
  },
  {
    name = "lookupother",
    what = "the invitation found is another address's",
    place = "lookup",
    makes = true,
    act = function(answer)
      answer.body.email = "somebody.else@example.com"
      answer.body.user_id = ids.user(answer.body.email)
      reply.json(answer.status, answer.body)
    end,
  },
}
