-- Invitations, and the mails that would have been sent for them.
-- A user's invitations are kept under the user, to whom an address, an invitation's id and its key
-- lead. An organization has one invitation of a user; a later one takes its place.

local clock = require "clock"
local ids = require "ids"
local json = require "json"
local ring = require "ring"
local world = require "world"

local store = {}

local WEEK = 7 * 24 * 3600

local invitations = ngx.shared.invitations

store.outbox = ring.new(1000)

-- Of the last invitations, what leads to them.
local made = ring.new(1000)

-- A user's invitations by organization.
local function of_user(user_id)
  local text = invitations:get(user_id)
  return text and json.decode(text) or {}
end

local function save(record)
  local records = of_user(record.user_id)
  records[record.organization_id] = record
  invitations:set(record.user_id, json.encode(records))
end

---@return integer seconds  Unix time
function store.expires_at(record)
  return record.sent_at + WEEK
end

---@return "pending"|"accepted"|"expired"
function store.state(record)
  if record.accepted_at then
    return "accepted"
  end
  return clock.now() < store.expires_at(record) and "pending" or "expired"
end

---The invitation of a user, whatever its state.
---@return table? record
function store.get(organization_id, user_id)
  return of_user(user_id)[organization_id]
end

---The one with a key, whatever its state.
---@return table? record
function store.get_by_key(key)
  for _, record in pairs(of_user(ids.user_of_key(key))) do
    if record.key == key then
      return record
    end
  end
end

---One that is pending.
---@param selector { email: string?, user_id: string?, invitation_id: string? }  one of them
---@return table? record
function store.find(organization_id, selector)
  local record = store.get(organization_id, store.user(selector))
  if record and store.state(record) == "pending"
    and record.invitation_id == (selector.invitation_id or record.invitation_id) then
    return record
  end
end

---@param names { email: string?, user_id: string?, invitation_id: string?, email_key: string? }
---@return string? user_id
function store.user(names)
  return names.email and ids.user(names.email)
    or names.user_id
    or names.invitation_id and ids.user_of_invitation(names.invitation_id)
    or names.email_key and ids.user_of_key(names.email_key)
end

---The address of a user who was ever invited.
---@return string?
function store.address(user_id)
  local _, record = next(of_user(user_id))
  return record and record.email
end

function store.is_member(organization_id, email)
  local record = store.get(organization_id, ids.user(email))
  return world.members[email:lower()] ~= nil or record ~= nil and record.accepted_at ~= nil
end

local function mail(record)
  record.mails = record.mails + 1
  store.outbox:add {
    time = clock.now(),
    to = record.email,
    organization_id = record.organization_id,
    invitation_id = record.invitation_id,
    invitation_link = store.link(record),
    role_id = record.role_id,
    number = record.mails,
  }
end

---@param wish table     made by operations/invite.lua
---@param changes table?  created_at or role_id, where they are not the usual ones
---@return table record
function store.make(organization_id, wish, changes)
  local user_id = ids.user(wish.email)
  local created_at = changes and changes.created_at or math.floor(clock.now())
  local record = {
    invitation_id = ids.invitation(user_id),
    email = wish.email,
    key = ids.key(user_id, world.organization(organization_id).crew),
    is_new_user = next(of_user(user_id)) == nil,
    user_id = user_id,
    organization_id = organization_id,
    role_id = changes and changes.role_id or wish.role_id,
    created_at = created_at,
    sent_at = created_at,
    mails = 0,
  }
  if wish.mail then
    mail(record)
  end
  save(record)
  made:add { organization_id = organization_id, user_id = user_id, id = record.invitation_id }
  return record
end

---@param most integer
---@return table[] records  newest first, in whatever state
function store.newest(most)
  local records = {}
  for _, one in ipairs(made:newest(most)) do
    local record = store.get(one.organization_id, one.user_id)
    -- Another may have taken its place, or a reset have forgotten it.
    if record and record.invitation_id == one.id then
      records[#records + 1] = record
    end
  end
  return records
end

---Sends the mail again, which gives the invitation another week.
function store.resend(record)
  record.sent_at = math.floor(clock.now())
  mail(record)
  save(record)
end

---@param full_name string?
function store.accept(record, full_name)
  record.accepted_at = math.floor(clock.now())
  record.full_name = full_name
  save(record)
end

---Counts what would make an invitation, if one that is there already did not keep it from that.
function store.count(email)
  ngx.shared.counters:incr("asked:" .. email:lower(), 1, 0)
end

---@return integer asked  times counted
---@return string[] invitation_ids  of all organizations
---@return integer mails  for these invitations
function store.summary(email)
  local invitation_ids, mails = {}, 0
  for _, record in pairs(of_user(ids.user(email))) do
    invitation_ids[#invitation_ids + 1] = record.invitation_id
    mails = mails + record.mails
  end
  table.sort(invitation_ids)
  return ngx.shared.counters:get("asked:" .. email:lower()) or 0, invitation_ids, mails
end

---An invitation that is there before anyone asks for it; no mail.
function store.plant(organization_id, email, role_id, changes)
  if not store.find(organization_id, { email = email }) then
    store.make(organization_id, { email = email, role_id = role_id }, changes)
  end
end

function store.link(record)
  return "https://chat.aitronos.com/user/register?invite=" .. record.key
end

return store
