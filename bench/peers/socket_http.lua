--- LuaSocket and lua-cjson; `socket.http` has a connection for each request. Usage: ENDPOINT COUNT
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"

local endpoint, count = arg[1], tonumber(arg[2])

for _ = 1, count do
  local body = cjson.encode {
    email = "newmember@example.com", role_id = "role_member", send_invitation = true,
  }
  local chunks = {}
  local _, status = assert(http.request {
    url = endpoint,
    method = "POST",
    headers = {
      ["Content-Type"] = "application/json",
      ["Content-Length"] = #body,
      Accept = "application/json",
      ["X-API-Key"] = "sandbox_unlimited",
    },
    source = ltn12.source.string(body),
    sink = ltn12.sink.table(chunks),
  })
  assert(status == 201, status)
  assert(cjson.decode(table.concat(chunks)).invitation_id)
end
