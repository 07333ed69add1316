-- Does one thing again and again, and each time one more allocation passes before one fails, until
-- none does. Whatever fails: the right result or an Error that tells the truth, or Lua's own for
-- want of memory; no more requests than allowed; a client that goes on working; nothing leaked.
local aitronos = require "aitronos"
local cjson = require "cjson"
local http = require "socket.http"
local memory = require "memory"
local socket = require "socket"

local base_url, what, onward = ...

-- How many calls the sandbox remembers, and how many a round makes at most.
local REMEMBERED, ROUND = 1000, 5

-- How often to look for what a thread may still have to give back, and the pause in between.
local NAPS, NAP_SECONDS = 10000, 0.001

local jit = package.loaded.jit
if jit then
  jit.off() -- it compiles at its own time, and keeps what it has
end

local function new_client(key)
  return aitronos.new {
    api_key = key or "sandbox_unlimited",
    base_url = base_url,
    settle = 0,
    deadline = 100,
  }
end

local function person(address)
  return { organization_id = "org_xyz789", email = address, role_id = "role_member" }
end

local function call(client, address)
  return client:invite_user(person(address))
end

local SCENARIOS = {
  new = {
    address = "nobody%d@example.com",
    act = function()
      new_client():close()
      return true
    end,
  },
  success = { address = "somebody%d@example.com", act = call },
  absent = { address = "fault+lostrequestx1.%d@example.com", act = call, posts = 2 },
  found = { address = "fault+lostreply.%d@example.com", act = call },
  refused = {
    address = "fault+403.%d@example.com",
    act = call,
    fails = "permission",
    posts = 2,
  },
  cancelled = {
    address = "somebody.else%d@example.com",
    act = function(client, address)
      local job = client:submit(person(address))
      client:turn()
      job:cancel()
      return job:result()
    end,
    fails = "cancelled",
  },
}

local scenario = SCENARIOS[what]
local outcomes = {} -- address -> what its call came to

local function check_error(err)
  if aitronos.is_error(err) then
    tostring(err)
    return err.outcome
  end
  -- What Lua says where its stack can't grow for want of memory is the second.
  assert(type(err) == "string" and (err:find "not enough memory" or err:find "stack overflow"),
    tostring(err))
  return "not told"
end

-- Returns how many allocations there were.
local function act(n, client, address)
  memory.fail_allocation(n, onward == "onward")
  local ok, result = pcall(scenario.act, client, address)
  local seen = memory.allocations()
  outcomes[address] = ok and "made" or check_error(result)
  if seen < n then
    assert(ok == not scenario.fails and (ok or result.kind == scenario.fails), tostring(result))
  end
  return seen
end

local function round(n)
  local client = new_client()
  local seen = act(n, client, scenario.address:format(n))
  local invitation = client:invite_user(person(("next%d@example.com"):format(n)))
  assert(invitation.invitation_id)
  client:close()
  return seen
end

-- What was told, and how often it was sent.
local function check_posts()
  local told = cjson.decode((assert(http.request(base_url .. "/_sandbox/requests"))))
  for address, outcome in pairs(outcomes) do
    local posts = told.posts[address] or 0
    assert(posts <= (scenario.posts or 1), address .. " was sent too often")
    assert(outcome ~= "not_sent" or posts == 0, address .. " was sent")
    assert(outcome ~= "made" or posts > 0 or what == "new", address .. " was not sent")
  end
  outcomes = {}
end

local function live()
  collectgarbage()
  collectgarbage()
  return memory.live_allocations()
end

-- Where memory ran out as libcurl read the address it asked a resolver thread, and nobody waits for
-- such a thread that is not needed any more.
local function assert_none_left(before, n)
  for _ = 1, NAPS do
    if live() == before then
      return
    end
    socket.sleep(NAP_SECONDS)
  end
  error((live() - before) .. " allocations are left where this one failed: " .. n)
end

assert(http.request(base_url .. "/_sandbox/reset", ""))

-- What is set up once, by anyone, is there from now on.
for n = 1, 3 do
  round(1000000 + n)
end
check_posts()
local before = live()

local n = 0
repeat
  n = n + 1
  local seen = round(n)
  assert_none_left(before, n)
  if n % (REMEMBERED / ROUND) == 0 then
    check_posts()
  end
until seen < n
check_posts()
print(n - 1)
