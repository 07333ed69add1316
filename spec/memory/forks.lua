-- Forks with an open client and a call in flight. Parent and child both go on; no answer crosses
-- over, and the child says nothing on a connection of the parent's.
local aitronos = require "aitronos"
local host = require "host"

local base_url, ca_file, with_thread = ...

local function person(address)
  return { organization_id = "org_xyz789", email = address, role_id = "role_member" }
end

local client = aitronos.new {
  api_key = "sandbox_unlimited",
  base_url = base_url,
  ca_file = ca_file,
}

-- Each address is made once, and its answer names it: one that crossed over would show.
local function invite_many(who)
  for n = 1, 50 do
    local address = ("%s%d@example.com"):format(who, n)
    local invitation, response = client:invite_user(person(address))
    assert(invitation.email == address, "the answer of another process")
    assert(response.attempts == 1 and not response.reconciled)
  end
end

local function finish(job)
  while not job:done() do
    client:turn(60)
  end
  return job:try_result()
end

if with_thread then
  client:fd()
end
client:invite_user(person "before@example.com")
local in_flight = client:submit(person "fault+slow@example.com")
client:turn()
local in_line = client:submit(person "inline@example.com")

if host.fork() == 0 then
  assert(host.threads() == 1)
  invite_many "child"
  for _, job in ipairs { in_flight, in_line } do
    local _, err = finish(job)
    assert(err.code == "PROCESS_FORKED" and err.outcome == "unknown", tostring(err))
  end
  if with_thread then
    client:fd()
    invite_many "childthread"
  end
  return
end

invite_many "parent"
assert(finish(in_flight).email == "fault+slow@example.com")
assert(finish(in_line).email == "inline@example.com")
local code = host.wait()
assert(code == 0, "the child ended with " .. code)
