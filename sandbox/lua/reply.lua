-- Sends answers.

local json = require "json"
local problem = require "problem"

local reply = {}

local function begin(status)
  ngx.status = status
  ngx.header["freddy-processing-ms"] = math.floor((ngx.now() - ngx.req.start_time()) * 1000)
end

---Begins an answer.
---@param length integer  of what follows
function reply.head(status, length, content_type)
  begin(status)
  ngx.header["Content-Type"] = content_type or "application/json"
  ngx.header["Content-Length"] = length
end

function reply.text(status, text, content_type)
  reply.head(status, #text, content_type)
  ngx.print(text)
end

---@param value any  nil for an answer without a body
function reply.json(status, value)
  if value == nil then
    begin(status)
    ngx.send_headers()
    return
  end
  reply.text(status, json.encode(value))
end

---@param found table  made by problem.lua
function reply.problem(found)
  for name, value in pairs(found.headers or {}) do
    ngx.header[name] = value
  end
  reply.text(found.status, problem.encode(found))
end

---Closes the connection (HTTP/2: the stream) without a further byte.
function reply.close()
  return ngx.exit(ngx.headers_sent and ngx.ERROR or 444)
end

return reply
