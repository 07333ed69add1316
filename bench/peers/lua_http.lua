--- lua-http and lua-cjson, over one connection. Usage: URL PATH COUNT
local cjson = require "cjson"
local client = require "http.client"
local new_headers = require "http.headers".new

local url, path, count = arg[1], arg[2], tonumber(arg[3])
local host, port = url:match("^http://(.-):(%d+)$")
local connection = assert(client.connect { host = host, port = port, tls = false })

for _ = 1, count do
  local body = cjson.encode {
    email = "newmember@example.com", role_id = "role_member", send_invitation = true,
  }
  local headers = new_headers()
  headers:append(":method", "POST")
  headers:append(":path", path)
  headers:append(":authority", host)
  headers:append("content-type", "application/json")
  headers:append("content-length", tostring(#body))
  headers:append("accept", "application/json")
  headers:append("x-api-key", "sandbox_unlimited")
  local stream = assert(connection:new_stream())
  assert(stream:write_headers(headers, false))
  assert(stream:write_chunk(body, true))
  local status = assert(stream:get_headers()):get ":status"
  assert(status == "201", status)
  assert(cjson.decode(stream:get_body_as_string()).invitation_id)
end
connection:close()
