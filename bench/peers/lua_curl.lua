--- Lua-cURL and lua-cjson, with one handle. Usage: ENDPOINT COUNT
local cjson = require "cjson"
local curl = require "lcurl"

local endpoint, count = arg[1], tonumber(arg[2])
local chunks
local easy = curl.easy {
  url = endpoint,
  post = true,
  httpheader = {
    "Content-Type: application/json", "Accept: application/json", "X-API-Key: sandbox_unlimited",
  },
  writefunction = function(chunk)
    chunks[#chunks + 1] = chunk
    return true
  end,
}

for _ = 1, count do
  chunks = {}
  easy:setopt_postfields(cjson.encode {
    email = "newmember@example.com", role_id = "role_member", send_invitation = true,
  })
  easy:perform()
  local status = easy:getinfo(curl.INFO_RESPONSE_CODE)
  assert(status == 201, status)
  assert(cjson.decode(table.concat(chunks)).invitation_id)
end
easy:close()
