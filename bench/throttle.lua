--- Invites without end for so many seconds, 16 at once, and prints what the server allowed in that
--- time, what was used of it, and how often it said 429 in each window. Usage: URL SECONDS NAME
local aitronos = require "aitronos"
local http = require "socket.http"
local clock = require("socket").gettime

local url, seconds, name = arg[1], tonumber(arg[2]), arg[3]
local client = aitronos.new { api_key = "bench", base_url = url, concurrency = 16 }
local ends_at = clock() + seconds
local number, failed = 0, 0

local run
run = client:invite_users(function()
  number = number + 1
  return {
    organization_id = "org_xyz789", email = ("p%d@example.com"):format(number),
    role_id = "role_member",
  }
end)
for outcome in run do
  failed = failed + (outcome.error and outcome.error.kind ~= "cancelled" and 1 or 0)
  if clock() > ends_at then
    run:close()
  end
end
client:close()

local allowed, good, refused = http.request(url .. "/counts"):match("^(%S+) (%S+) (%S+)$")
print(("%-28s allowed %6.0f  used %6d, %.3f  failed %d  429s by window: %s"):format(name, allowed,
  good, good / allowed, failed, refused))
