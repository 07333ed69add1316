-- Pending invitations, and the mails that would have been sent for them.
-- A user's invitations are kept under the user, to whom an address or an invitation's id leads.

local ids = require "ids"
local json = require "json"
local ring = require "ring"

local store = {}

local WEEK = 7 * 24 * 3600

local invitations = ngx.shared.invitations

store.outbox = ring.new(1000)

-- A user's invitations by organization.
local function of_user(user_id)
  local text = invitations:get(user_id)
  return text and json.decode(text) or {}
end

---@param selector { email: string?, user_id: string?, invitation_id: string? }  one of them
---@return table? record
function store.find(organization_id, selector)
  if selector.invitation_id then
    local user_id = ids.user_of_invitation(selector.invitation_id)
    local record = of_user(user_id)[organization_id]
    return record and record.invitation_id == selector.invitation_id and record or nil
  end
  return of_user(selector.user_id or ids.user(selector.email))[organization_id]
end

---@param wish table     made by validation.lua
---@param changes table?  created_at or role_id, where they are not the usual ones
---@return table record
function store.make(organization_id, wish, changes)
  local user_id = ids.user(wish.email)
  local records = of_user(user_id)
  local record = {
    invitation_id = ids.invitation(user_id),
    email = wish.email,
    key = "uuid-" .. ids.uuid(),
    is_new_user = next(records) == nil,
    user_id = user_id,
    organization_id = organization_id,
    role_id = changes and changes.role_id or wish.role_id,
    created_at = changes and changes.created_at or ngx.time(),
  }
  records[organization_id] = record
  invitations:set(user_id, json.encode(records))
  if wish.mail then
    store.outbox:add {
      time = ngx.now(),
      to = record.email,
      organization_id = organization_id,
      invitation_link = store.link(record),
    }
  end
  return record
end

---Counts what would make an invitation, if one that is there already did not keep it from that.
function store.count(email)
  ngx.shared.counters:incr("asked:" .. email:lower(), 1, 0)
end

---@return integer times counted
---@return string[] invitation_ids of all organizations
function store.summary(email)
  local invitation_ids = {}
  for _, record in pairs(of_user(ids.user(email))) do
    invitation_ids[#invitation_ids + 1] = record.invitation_id
  end
  table.sort(invitation_ids)
  return ngx.shared.counters:get("asked:" .. email:lower()) or 0, invitation_ids
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

local function expires_at(record)
  return ids.time(record.created_at + WEEK)
end

---The record as the answer to invite-user shows it.
function store.as_created(record)
  return {
    invitation_id = record.invitation_id,
    email = record.email,
    invitation_key = record.key,
    is_new_user = record.is_new_user,
    user_id = record.user_id,
    expires_at = expires_at(record),
  }
end

---The record as the look-up shows it.
function store.as_found(record)
  return {
    invitation_id = record.invitation_id,
    email = record.email,
    user_id = record.user_id,
    organization_id = record.organization_id,
    role_id = record.role_id,
    invitation_link = store.link(record),
    expires_at = expires_at(record),
    created_at = ids.time(record.created_at),
  }
end

return store
