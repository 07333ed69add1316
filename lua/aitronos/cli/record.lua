--- What became of a row, as the report and the journal have it.

local errors = require "aitronos.error"

local format = string.format

local record = {
  -- The code of a row that a run did not come to.
  NOT_REACHED = "NOT_REACHED",
}

---`pending`, `none`: whether there is an invitation; `resent`: its mail went out again; `failed`:
---it could not be looked up, or there is none to send again.
---@alias aitronos.RecordOutcome
---| "made"|"existing"|"pending"|"none"|"resent"
---| "rejected"|"not_sent"|"failed"|"unknown"|"invalid"|"duplicate"

---@class aitronos.Record
---@field line integer
---@field address string
---@field role? string
---@field outcome aitronos.RecordOutcome
---@field invitation_id? string
---@field expires_at? string
---@field status? integer
---@field code? string
---@field message? string
---@field in_full? string the message and more, to be said once of all rows that have it
---@field trace_id? string
---@field attempts? integer
---@field reconciled? boolean

local function new(person, role, outcome)
  return { line = person.line, address = person.address, role = role, outcome = outcome }
end

---@param person aitronos.Person
---@param role? string
---@param invitation aitronos.Invitation
---@param response aitronos.Response
---@return aitronos.Record
function record.made(person, role, invitation, response)
  local made = new(person, role, response.existing and "existing" or "made")
  made.invitation_id, made.expires_at = invitation.invitation_id, invitation.expires_at
  made.status, made.attempts = response.status, response.attempts
  made.reconciled = response.reconciled
  return made
end

--- A look-up found its invitation.
---@param person aitronos.Person
---@param invitation aitronos.Invitation
---@param response aitronos.Response
---@return aitronos.Record
function record.pending(person, invitation, response)
  local pending = new(person, invitation.role_id, "pending")
  pending.invitation_id, pending.expires_at = invitation.invitation_id, invitation.expires_at
  pending.status, pending.attempts = response.status, response.attempts
  pending.reconciled = response.reconciled
  return pending
end

--- A look-up found none.
---@param person aitronos.Person
---@param err aitronos.Error
---@param outcome "none"|"failed"
---@return aitronos.Record
function record.none(person, err, outcome)
  local none = record.failed(person, nil, err, outcome)
  none.message = "no pending invitation"
    .. (outcome == "failed" and ": joined, expired, or never invited" or "")
  if not err.code:find("INVITATION", 1, true) then -- it may be about something else
    none.message = none.message .. ", says the API: " .. err.message
  end
  return none
end

--- A look-up found somebody else's invitation.
---@param person aitronos.Person
---@param response aitronos.Response
---@return aitronos.Record
function record.other_address(person, response)
  local other = new(person, nil, "failed")
  other.code, other.message = "OTHER_ADDRESS", "the answer is about another address"
  other.status, other.attempts = response.status, response.attempts
  other.reconciled = response.reconciled
  return other
end

--- The mail went out again.
---@param person aitronos.Person
---@param invitation aitronos.Invitation
---@param response aitronos.Response
---@return aitronos.Record
function record.resent(person, invitation, response)
  local resent = new(person, invitation.role_id, "resent")
  resent.invitation_id = invitation.invitation_id
  resent.status, resent.attempts = response.status, response.attempts
  resent.reconciled = response.reconciled
  return resent
end

---@param person aitronos.Person
---@param role? string
---@param err aitronos.Error
---@param outcome? string where it is not the Error's
---@return aitronos.Record
function record.failed(person, role, err, outcome)
  local failed = new(person, role, outcome or err.outcome)
  failed.status, failed.code, failed.message = err.status, err.code, err.message
  failed.trace_id, failed.attempts, failed.reconciled = err.trace_id, err.attempts, false
  return failed
end

--- Of an earlier run, for the row that it has now.
---@param person aitronos.Person
---@param entry table as the journal has it
---@return aitronos.Record
function record.earlier(person, entry)
  local earlier = new(person, entry.role, entry.outcome)
  for name, value in pairs(entry) do
    if earlier[name] == nil and name ~= "state" and name ~= "at" then
      earlier[name] = value
    end
  end
  return earlier
end

---@param person aitronos.Person
---@param role? string
---@param faults aitronos.RowFault[]
---@return aitronos.Record
function record.invalid(person, role, faults)
  local invalid = new(person, role, "invalid")
  invalid.code, invalid.message = "INVALID_ARGUMENT", errors.join(faults)
  invalid.in_full = faults[1].in_full and faults[1].field .. ": " .. faults[1].in_full
  return invalid
end

---@param person aitronos.Person
---@param role? string
---@param line integer where its address stands first
---@return aitronos.Record
function record.duplicate(person, role, line)
  local duplicate = new(person, role, "duplicate")
  duplicate.message = format("has the same address as line %d", line)
  return duplicate
end

--- One whose mail an earlier run may have sent again.
---@param person aitronos.Person
---@return aitronos.Record
function record.doubtful(person)
  local doubtful = new(person, nil, "unknown")
  doubtful.code = "IN_DOUBT"
  doubtful.message = "an earlier run may have sent it again; --resend-unknown does so now"
  return doubtful
end

--- One that the run did not come to.
---@param person aitronos.Person
---@param role? string
---@param in_doubt boolean an earlier run may have sent it
---@return aitronos.Record
function record.unreached(person, role, in_doubt)
  local unreached = new(person, role, in_doubt and "unknown" or "not_sent")
  unreached.code = record.NOT_REACHED
  unreached.message = in_doubt and "an earlier run may have sent it, and this one ended before it "
    .. "could look it up" or "the run ended before this row"
  return unreached
end

return record
