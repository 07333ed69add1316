--- POST /onboarding: invites everybody on a list, and answers with what became of each.
---
---     ["ada@example.com", {"email": "grace@example.com", "role_id": "role_admin"}]

local cjson = require "cjson.safe"
local client = require "aitronos_client"

local ngx = ngx

local ORGANIZATION = "org_xyz789"
local DEFAULT_ROLE = "role_member"
local MOST = 100

local onboarding = {}

local function refuse(status, code, message)
  ngx.status = status
  ngx.say(cjson.encode { error = code, message = message })
end

-- ## The list

-- An array, and not an object: both are tables here.
local function is_list(value)
  if type(value) ~= "table" then
    return false
  end
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

-- An entry as parameters of an invitation; nil and what is wrong. Whether an address is one is not
-- looked at: the library does, and says so in that address's result.
local function read_entry(entry)
  if type(entry) == "string" then
    entry = { email = entry }
  end
  if type(entry) ~= "table" or type(entry.email) ~= "string" then
    return nil, "must be an address, or an object with an email"
  end
  local role = entry.role_id or DEFAULT_ROLE
  if type(role) ~= "string" then
    return nil, "has a role_id that is no string"
  end
  return { organization_id = ORGANIZATION, email = entry.email, role_id = role }
end

---@return table[]? people
---@return integer? status
---@return string? code
---@return string? message
local function read_list(text)
  local list, problem = cjson.decode(text or "")
  if list == nil then
    return nil, 400, "NOT_JSON", problem
  end
  if not is_list(list) or #list == 0 then
    return nil, 422, "NOT_A_LIST", "the body must be a list of addresses"
  end
  if #list > MOST then
    return nil, 422, "TOO_MANY", "a list has at most " .. MOST .. " addresses"
  end
  local people, seen = {}, {}
  for place, entry in ipairs(list) do
    local person, wrong = read_entry(entry)
    if person and seen[person.email:lower()] then
      person, wrong = nil, "stands on the list twice"
    end
    if not person then
      return nil, 422, "BAD_ENTRY", "entry " .. place .. " " .. wrong
    end
    seen[person.email:lower()] = true
    people[place] = person
  end
  return people
end

-- ## The invitations

-- try_invite_user, not invite_user: of an Error that nobody catches nginx logs "unknown reason" and
-- nothing else.
---@return table result as it stands in the answer
local function invite(person)
  local invitation, err = client:try_invite_user(person)
  if invitation then
    -- Without the invitation's key: whoever holds that can join.
    return { invitation_id = invitation.invitation_id, expires_at = invitation.expires_at }
  end
  ngx.log(ngx.WARN, "not invited: ", tostring(err))
  return { error = err.code, message = err.message, outcome = err.outcome }
end

-- All at once: how many requests are in flight is for the client to say.
local function invite_all(people)
  local threads, results = {}, {}
  for place, person in ipairs(people) do
    threads[place] = ngx.thread.spawn(invite, person)
  end
  for place, thread in ipairs(threads) do
    local fine, result = ngx.thread.wait(thread)
    results[place] = fine and result or { error = "BUG", message = tostring(result) }
  end
  return results
end

-- A line for each address, so that people can read it.
local function answer(people, results)
  local lines, failed = {}, 0
  for place, result in ipairs(results) do
    lines[place] = cjson.encode(people[place].email) .. ": " .. cjson.encode(result)
    failed = failed + (result.error and 1 or 0)
  end
  -- 207: not all is well, so look at each.
  ngx.status = failed > 0 and 207 or 200
  ngx.say("{\n", table.concat(lines, ",\n"), "\n}")
end

function onboarding.handle()
  if ngx.req.get_method() ~= "POST" then
    ngx.header.Allow = "POST"
    return refuse(405, "METHOD_NOT_ALLOWED", "POST a list of addresses")
  end
  ngx.req.read_body()
  local people, status, code, message = read_list(ngx.req.get_body_data())
  if not people then
    return refuse(status, code, message)
  end
  answer(people, invite_all(people))
end

return onboarding
