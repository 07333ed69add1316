--- All that can go wrong with the request of an invitation, one row each, and how a server of
--- spec.support.server does it. What a call must make of it stands in spec/faults_spec.lua.

local api = require "spec.support.api"
local h2 = require "spec.support.h2"

---@class spec.Fault
---@field name string
---@field class string a row of the rules in the spec
---@field kind? string of the Error, where the call ends with one for this fault
---@field status? integer of that Error
---@field tls? string the context of the faulty connection; the others have a good one
---@field unread? fun(connection) done to a POST that has come and was not read
---@field accept? fun(connection) done to a new connection, before anything is read
---@field serve? fun(connection, request): boolean|nil done to a POST; true: the connection goes on
---@field refuses? boolean nobody listens
---@field http2? boolean
---@field options? table of the client
---@field never_comes? string the client's time-out that ends the wait for what never comes
---@field only? string|nil "once" or "always", where the other makes no sense
---@field fresh_only? boolean makes no sense after a call that went well

local faults = {}

local function add(class, kind, name, fault)
  fault.class, fault.kind, fault.name = class, kind, name
  faults[#faults + 1] = fault
end

-- A whole response, after which the connection goes on.
local function answer(class, kind, name, status, body, lines)
  local bytes = api.response(status, body, lines)
  add(class, kind, name, {
    status = status,
    serve = function(connection)
      connection:write(bytes)
      return true
    end,
  })
end

-- These bytes, and then the end of the connection.
local function cut_off(class, kind, name, bytes, status)
  add(class, kind, name, {
    status = status,
    serve = function(connection)
      connection:write(bytes)
    end,
  })
end

local function hang(connection)
  connection:hang()
end

-- ## Before the request can leave

add("not sent", "connection", "connection refused", { refuses = true, only = "always" })
add("not sent", "connection", "name that does not resolve", {
  -- No label of a name may have more than 63 bytes, so this asks no name server.
  options = { base_url = "https://" .. ("x"):rep(64) .. ".invalid" },
  only = "always",
  fresh_only = true,
})
add("not sent", "timeout", "handshake that never goes on", {
  tls = "good",
  accept = hang,
  never_comes = "connect_timeout",
})
add("not sent", "tls", "hang-up in the middle of the handshake", {
  tls = "good",
  accept = function(connection)
    connection:wait_for_bytes()
    connection:fill()
  end,
})
add("not sent", "tls", "reset in the middle of the handshake", {
  tls = "good",
  accept = function(connection)
    connection:wait_for_bytes()
    connection:reset()
  end,
})
add("not sent", "tls", "server that does not speak TLS", {
  tls = "good",
  accept = function(connection)
    connection:wait_for_bytes()
    connection:fill()
    connection:write(api.response(400, "no TLS here"))
  end,
})
add("lasting", "tls", "expired certificate", { tls = "expired" })
add("lasting", "tls", "certificate of another host", { tls = "wrong_host" })
add("lasting", "tls", "certificate of an unknown authority", { tls = "unknown_ca" })

-- ## No answer

add("ambiguous", "connection", "reset with the request unread", {
  only = "once",
  unread = function(connection)
    connection:reset()
  end,
})
add("ambiguous", "connection", "reset after the request", {
  serve = function(connection)
    connection:reset()
  end,
})
add("ambiguous", "connection", "hang-up after the request", { serve = function() end })
add("ambiguous", "timeout", "silence", { serve = hang, never_comes = "timeout" })
add("ambiguous", "timeout", "silence after a 100", {
  serve = function(connection)
    connection:write("HTTP/1.1 100 Continue\r\n\r\n")
    connection:hang()
  end,
  never_comes = "timeout",
})
cut_off("ambiguous", "protocol", "another protocol", "SSH-2.0-OpenSSH_9.2\r\n")
cut_off("ambiguous", "protocol", "a body without a status line", api.made())
cut_off("ambiguous", "connection", "hang-up after a 103",
  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
cut_off("ambiguous", "server", "hang-up in the headers of a 503",
  "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Le", 503)
cut_off("ambiguous", "rate_limit", "hang-up in the headers of a 429",
  "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Le", 429)

add("ambiguous", "connection", "HTTP/2 stream refused", { http2 = true, serve = h2.refuse })
add("ambiguous", "connection", "HTTP/2 good-bye", {
  http2 = true,
  serve = function(connection, request)
    h2.go_away(connection, request.stream - 2 > 0 and request.stream - 2 or 0)
  end,
})
add("ambiguous", "connection", "HTTP/2 hang-up", { http2 = true, serve = function() end })

-- ## Statuses

answer("ambiguous", "client", "408", 408, api.problem("REQUEST_TIMEOUT"))
answer("ambiguous", "server", "500", 500, api.problem("INTERNAL_ERROR"))
answer("ambiguous", "server", "502 in HTML", 502, api.HTML, { "Content-Type: text/html" })
answer("ambiguous", "server", "503", 503, api.HTML, { "Content-Type: text/html" })
answer("ambiguous", "server", "503 with an unreadable Retry-After", 503, "",
  { "Retry-After: soon" })
answer("ambiguous", "server", "504", 504, api.HTML, { "Content-Type: text/html" })
answer("ambiguous", "server", "599", 599, "")

answer("turned away, may be", "server", "503 with Retry-After", 503, api.HTML,
  { "Retry-After: 0" })
answer("turned away", "client", "421", 421, "")
answer("turned away", "client", "425", 425, "")

local function too_many(name, ...)
  answer("turned away", "rate_limit", "429, " .. name, 429, api.problem("RATE_LIMITED"), { ... })
end

local function date(seconds_from_now)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + seconds_from_now)
end

too_many("nothing said")
too_many("Retry-After 0", "Retry-After: 0")
too_many("Retry-After 1", "Retry-After: 1")
too_many("Retry-After a past date", "Retry-After: " .. date(-60))
too_many("Retry-After nonsense", "Retry-After: whenever")
too_many("Retry-After negative", "Retry-After: -5")
too_many("Retry-After empty", "Retry-After:")
too_many("X-RateLimit-Retry-After", "X-RateLimit-Retry-After: 1")
too_many("a reset in seconds", "X-RateLimit-Reset: 1")
too_many("a past reset", "X-RateLimit-Reset: 1640995200")
too_many("a reset as a duration", "x-ratelimit-reset-requests: 120ms")

local function too_long(name, line)
  answer("to be asked much later", "rate_limit", "429, " .. name, 429, "", { line })
end

too_long("Retry-After beyond the deadline", "Retry-After: 86400")
too_long("Retry-After beyond all numbers", "Retry-After: 1" .. ("0"):rep(17))
too_long("Retry-After a date beyond the deadline", "Retry-After: " .. date(86400))
too_long("a reset beyond the deadline", "X-RateLimit-Reset: " .. os.time() + 86400)

for _, row in ipairs {
  { 400, "bad_request" }, { 401, "authentication" }, { 403, "permission" }, { 404, "not_found" },
  { 409, "conflict" }, { 410, "client" }, { 422, "validation" }, { 431, "client" },
} do
  local status, kind = row[1], row[2]
  answer("rejected", kind, tostring(status), status, api.problem("REFUSED"))
end
for _, status in ipairs { 300, 301, 302, 303, 304, 307, 308 } do
  answer("rejected", "client", "redirect " .. status, status, "", { "Location: /elsewhere" })
end
answer("rejected", "validation", "422 in HTML", 422, api.HTML)
cut_off("rejected", "bad_request", "hang-up in the body of a 400",
  "HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{", 400)

-- ## Made, and told so in a way that cannot be read

local function lost(name, body, lines, options)
  answer("reply lost", "protocol", "201, " .. name, 201, body, lines)
  faults[#faults].options = options
end

lost("broken JSON", '{"invitation_id":"inv_made"')
lost("a list", "[" .. api.made() .. "]")
lost("a string", '"inv_made"')
lost("null", "null")
lost("nothing", "")
lost("white space", "  \r\n ")
lost("no invitation_id", '{"email":"' .. api.EMAIL .. '"}')
lost("an invitation_id that is a number", '{"invitation_id":7}')
lost("HTML", api.HTML, { "Content-Type: text/html" })
lost("too large", '{"invitation_id":"' .. ("x"):rep(8192) .. '"}', {},
  { max_response_bytes = 4096 })
lost("bad gzip", "this is no gzip", { "Content-Encoding: gzip" })
lost("an encoding that nobody knows", api.made(), { "Content-Encoding: rot13" })
answer("reply lost", "protocol", "204", 204, "")

cut_off("reply lost", "protocol", "hang-up in the body of a 201",
  api.CREATED:sub(1, -5), 201)
cut_off("reply lost", "protocol", "hang-up between two chunks of a 201",
  "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 201)
cut_off("reply lost", "protocol", "hang-up in the headers of a 201",
  "HTTP/1.1 201 Created\r\nContent-Le", 201)
add("reply lost", "timeout", "silence in the body of a 201", {
  status = 201,
  serve = function(connection)
    connection:write(api.CREATED:sub(1, -5))
    connection:hang()
  end,
  never_comes = "timeout",
})
add("reply lost", "connection", "reset in the body of a 201", {
  status = 201,
  serve = function(connection)
    connection:write(api.CREATED:sub(1, -5))
    connection:reset()
  end,
})

-- ## No fault, though it may look like one

answer("made", nil, "200", 200, api.made())
answer("made", nil, "hints before the answer", 201, api.made())
faults[#faults].serve = function(connection)
  connection:write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
  connection:pause()
  connection:write(api.CREATED)
  return true
end
add("made", nil, "answer byte by byte", {
  serve = function(connection)
    for i = 1, #api.CREATED do
      connection:write(api.CREATED:sub(i, i))
      connection:pause()
    end
    return true
  end,
})
add("made", nil, "chunks and trailers", {
  serve = function(connection)
    local body = api.made()
    connection:write("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n"
      .. "Trailer: X-Late\r\n\r\n")
    for i = 1, #body do
      connection:write("1;name=value\r\n" .. body:sub(i, i) .. "\r\n")
    end
    connection:write("0\r\nX-Late: yes\r\nRetry-After: 9\r\n\r\n")
    return true
  end,
})
cut_off("made", nil, "HTTP/1.0", "HTTP/1.0 201 Created\r\n\r\n" .. api.made())
cut_off("made", nil, "hang-up after promising to keep the connection",
  api.response(201, api.made(), { "Connection: keep-alive", "Keep-Alive: timeout=60" }))
add("made", nil, "HTTP/2", {
  http2 = true,
  serve = function(connection, request)
    h2.respond(connection, request, 201, api.made())
    return true
  end,
})

return faults
