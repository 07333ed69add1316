--- Just enough HTTP/2 for a server that answers, refuses a stream or says good-bye.
---
--- Of a request only its method is read: libcurl sends it as the first field, as an entry of the
--- static table. Responses are header blocks without compression.

local h2 = {}

local PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
local HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, DATA = 1, 3, 4, 6, 7, 0
local ACK, END_STREAM, END_HEADERS = 1, 1, 4
local REFUSED_STREAM = 7
local METHODS = { ["\130"] = "GET", ["\131"] = "POST" }

local function uint(value, bytes)
  local parts = {}
  for i = bytes, 1, -1 do
    parts[i] = string.char(value % 256)
    value = (value - value % 256) / 256
  end
  return table.concat(parts)
end

local function frame(kind, flags, stream, payload)
  return uint(#payload, 3) .. string.char(kind, flags) .. uint(stream, 4) .. payload
end

-- A field of a header block: literal, not indexed, its name by index where it has one.
local function field(name, value)
  return name .. string.char(#value) .. value
end

local STATUS, CONTENT_TYPE = "\8", "\15\16"

local function read_frame(connection)
  local head = connection:read(9)
  if not head then
    return nil
  end
  local a, b, c, kind, flags, d, e, f, g = head:byte(1, 9)
  local payload = connection:read(a * 65536 + b * 256 + c)
  if not payload then
    return nil
  end
  local stream = ((d * 256 + e) * 256 + f) * 256 + g
  return { kind = kind, flags = flags, stream = stream, payload = payload }
end

--- Begins; after that come requests. False where the peer speaks something else.
function h2.start(connection)
  if connection:read(#PREFACE) ~= PREFACE then
    return false
  end
  return connection:write(frame(SETTINGS, 0, 0, ""))
end

--- The next request, once it is whole: { method, stream }; nil where the peer hung up.
function h2.read_request(connection)
  local methods = {}
  while true do
    local got = read_frame(connection)
    if not got then
      return nil
    elseif got.kind == SETTINGS and got.flags % 2 == 0 then
      connection:write(frame(SETTINGS, ACK, 0, ""))
    elseif got.kind == PING and got.flags % 2 == 0 then
      connection:write(frame(PING, ACK, 0, got.payload))
    elseif got.kind == HEADERS then
      local first = got.flags >= 32 and 6 or 1 -- behind the priority, if any
      methods[got.stream] = METHODS[got.payload:sub(first, first)]
    end
    if (got.kind == HEADERS or got.kind == DATA) and got.flags % 2 == END_STREAM then
      return connection:record {
        method = methods[got.stream],
        path = "(not decoded)",
        stream = got.stream,
      }
    end
  end
end

function h2.respond(connection, request, status, body)
  local block = field(STATUS, tostring(status)) .. field(CONTENT_TYPE, "application/json")
  connection:write(frame(HEADERS, END_HEADERS, request.stream, block)
    .. frame(DATA, END_STREAM, request.stream, body))
end

--- Says that the request was not handled.
function h2.refuse(connection, request)
  connection:write(frame(RST_STREAM, 0, request.stream, uint(REFUSED_STREAM, 4)))
end

--- Says good-bye; requests before `last`, and this one, are still handled.
function h2.go_away(connection, last)
  connection:write(frame(GOAWAY, 0, 0, uint(last, 4) .. uint(0, 4)))
end

return h2
