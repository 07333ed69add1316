--- What the measured worker does for a request: one invitation, by this library or by
--- lua-resty-http.
local aitronos = require "aitronos"
local cjson = require "cjson.safe"

local ngx = ngx

local host = {}

-- The last digit of the port says what upstream.conf answers.
local URLS = {
  plain = "http://127.0.0.1:%s0",
  slow = "http://127.0.0.1:%s1",
  tls = "https://127.0.0.1:%s2",
  resumed = "https://127.0.0.1:%s3",
  slowtls = "https://127.0.0.1:%s4",
  hanging = "https://hanging.example:%s0",
}
local KEY = "sandbox_unlimited"
local ORGANIZATION = "org_xyz789"
local CALLERS = 64

-- ## This library

local urls, clients = {}, {}

--- Before there are workers.
---@param ports string
---@param ca_file string
function host.open(ports, ca_file)
  for upstream, url in pairs(URLS) do
    local hanging = upstream == "hanging"
    urls[upstream] = url:format(ports)
    clients[upstream] = aitronos.new {
      api_key = KEY,
      base_url = urls[upstream],
      ca_file = ca_file,
      concurrency = CALLERS,
      -- Fifty look-ups of the name begin each second, and each outlasts its call.
      connect_timeout = hanging and 1 or nil,
      max_retries = hanging and 0 or nil,
    }
  end
end

local function by_aitronos(upstream)
  local invitation, err = clients[upstream]:try_invite_user {
    organization_id = ORGANIZATION,
    email = "newmember@example.com",
    role_id = "role_member",
    send_invitation = true,
  }
  return invitation and invitation.invitation_id, err
end

-- ## The same by hand: the same bytes but for Accept-Encoding, the same checks of the answer

local function by_resty(upstream)
  local client = require("resty.http").new()
  client:set_timeouts(10000, 30000, 30000)
  local answer, err = client:request_uri(
    urls[upstream] .. "/v1/organizations/" .. ORGANIZATION .. "/invite-user", {
      method = "POST",
      body = cjson.encode {
        email = "newmember@example.com",
        role_id = "role_member",
        send_invitation = true,
      },
      headers = {
        ["X-API-Key"] = KEY,
        ["Accept"] = "application/json",
        ["Content-Type"] = "application/json",
        ["User-Agent"] = "aitronos-lua/0.1.0",
      },
      keepalive = upstream == "plain",
      ssl_server_name = "localhost", -- an address can't be checked
      ssl_verify = true,
    })
  if not answer then
    return nil, err
  end
  if answer.status < 200 or answer.status > 299 then
    return nil, "HTTP " .. answer.status
  end
  local invitation = cjson.decode(answer.body)
  if type(invitation) ~= "table" or type(invitation.invitation_id) ~= "string" then
    return nil, "not an invitation"
  end
  return invitation.invitation_id
end

local WITH = { aitronos = by_aitronos, resty = by_resty }

---@param with string
---@param upstream string
function host.invite(with, upstream)
  local id, err = WITH[with](upstream)
  if not id then
    ngx.status = 502
    ngx.say(tostring(err))
    return
  end
  ngx.say(id)
end

return host
