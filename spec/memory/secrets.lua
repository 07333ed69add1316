-- Calls with a secret key that is in no text of ours, and looks for it in everything that a caller
-- gets to see and, once the client is closed, in all memory of this process.
local aitronos = require "aitronos"
local all_text = require "spec.memory.all_text"
local memory = require "memory"

local base_url, ca_file, credential = ...

local function assert_clean(value, what)
  local text = all_text(value)
  assert(not text:find(memory.secret(), 1, true), what .. " holds the key")
  return text
end

local function copies()
  collectgarbage()
  collectgarbage()
  return memory.copies()
end

local function person(what)
  return { organization_id = "org_xyz789", email = what .. "@example.com", role_id = "role_member" }
end

local events = {}

local client = aitronos.new {
  [credential] = memory.secret(),
  base_url = base_url,
  ca_file = ca_file,
  proxy = "",
  settle = 0,
  deadline = 100,
  on_event = function(event)
    events[#events + 1] = event
  end,
}
assert_clean(client, "the client")
-- In the headers of an invitation, of a POST without a body and of a look-up.
local pieces = #copies()
assert(pieces == 3 * memory.PIECES, pieces .. " pieces of the key are where 3 keys should be")

local made = { "made", "busy", "absent", "found" }
local refused = { "refused" }
-- What OpenSSL has decrypted it frees as it is.
if not base_url:find("^https") then
  made[#made + 1], refused[#refused + 1] = "echoed", "echo"
end
for _, what in ipairs(made) do
  local invitation, response = client:invite_user(person(what))
  assert_clean(invitation, "an invitation")
  assert_clean(response, "a response")
end
for _, what in ipairs(refused) do
  local ok, err = pcall(client.invite_user, client, person(what))
  assert(not ok and err.status == 403, tostring(err))
  assert_clean(err, "an Error")
  local text = assert_clean(err:to_table(), "to_table")
  assert(what == "refused" or text:find(("*"):rep(#memory.secret()), 1, true), "nothing is masked")
end
local job = client:submit(person "made")
assert_clean(job, "a job")
client:turn()
assert_clean(job, "a job in flight")
assert(#events > 20)
assert_clean(events, "an event")

client:close()
client, job = nil, nil -- luacheck: ignore 311
local left = table.concat(copies(), "\n")
assert(left == "", "the key is still there:\n" .. left)
