-- Calls with a secret key that is in no text of ours, and looks for it in everything that a caller
-- gets to see and, once the client is closed, in all memory of this process.
local aitronos = require "aitronos"
local memory = require "memory"

local base_url, ca_file, credential = ...

-- All text of a value, its tables and what is in them included.
local function all_text(value)
  local parts = { tostring(value) }
  if type(value) == "table" then
    for key, field in next, value do
      parts[#parts + 1] = all_text(key) .. "=" .. all_text(field)
    end
  end
  return table.concat(parts, "\n")
end

local function assert_clean(value, what)
  local text = all_text(value)
  assert(not text:find(memory.secret(), 1, true), what .. " holds the key")
  return text
end

local function person(what)
  return { organization_id = "org_xyz789", email = what .. "@example.com", role_id = "role_member" }
end

local function on_event(event)
  assert_clean(event, event.name)
end

local client = aitronos.new {
    [credential] = memory.secret(),
    base_url = base_url,
    ca_file = ca_file,
    proxy = "",
    settle = 0,
    deadline = 10,
    on_event = on_event,
  }
assert_clean(client, "the client")

for _, what in ipairs { "made", "busy", "absent", "found", "echoed" } do
  local invitation, response = client:invite_user(person(what))
  assert_clean(invitation, "an invitation")
  assert_clean(response, "a response")
end
for _, what in ipairs { "refused", "echo" } do
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

assert(#memory.copies() > 0, "the search finds nothing")
client:close()
client, job = nil, nil -- luacheck: ignore 311
collectgarbage()
collectgarbage()
local copies = table.concat(memory.copies(), "\n")
assert(copies == "", "the key is still there:\n" .. copies)
