-- Sends a password, and a key in a URL, that is in no text of ours, and looks for it in everything
-- that a caller gets to see and, once the calls have ended, in all memory of this process.
local aitronos = require "aitronos"
local all_text = require "spec.memory.all_text"
local memory = require "memory"

local base_url = ...

local events = {}
local client = aitronos.new {
  api_key = "ak_test", base_url = base_url, proxy = "",
  on_event = function(event) events[#events + 1] = event end,
}

local function params()
  return { email_key = "uuid-1", full_name = "Ida Example", password = memory.secret() }
end

local account, response = client:try_complete_invitation(params())
assert(account, tostring(response))
local refused, err = client:try_complete_invitation(params())
assert(not refused and err.kind == "validation")
local found = client:validate_invitation { email_key = memory.secret() }
assert(found.valid)
local cancelled = client:submit(params(), "complete_invitation")
cancelled:cancel()
assert(#events == 7)
for _, shown in ipairs { account, response, err, err:to_table(), found, events } do
  assert(not all_text(shown):find(memory.secret(), 1, true), "it is told")
end

local function assert_gone()
  collectgarbage()
  collectgarbage()
  local left = table.concat(memory.copies(), "\n")
  assert(left == "", "the password is still there:\n" .. left)
end

assert_gone()
local open = client:submit(params(), "complete_invitation")
client:turn()
local waiting = client:submit(params(), "complete_invitation")
client:close()
assert_gone()
assert(open:done() and waiting:done())
