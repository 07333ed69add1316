--- The life of an invitation at a sandbox, with a fault in each of its steps: for the specs of
--- every host.
local life = {}

---@class spec.Life
---@field faults string what the sandbox does, as the name in the address
---@field lines string[] what comes of each step
---@field mails integer that went out

-- Where libcurl loses a reused connection it asks anew by itself what only reads, as one attempt.
---@type table<string, spec.Life>
life.all = {
  ["nothing goes wrong"] = {
    faults = "calm",
    mails = 2,
    lines = {
      "invite: done",
      "look up: done",
      "resend: done",
      "validate: done, valid",
      "complete: done",
      "look up: not_found, rejected",
      "validate: done, not valid",
      "invite: conflict, rejected",
    },
  },
  ["each step is turned away once"] = {
    faults = "fault+425x1.lookup425x1.resend425x1.validate425x1.complete425x1",
    mails = 2,
    lines = {
      "invite: done at attempt 2",
      "look up: done at attempt 2",
      "resend: done at attempt 2",
      "validate: done at attempt 2, valid",
      "complete: done at attempt 2",
      "look up: not_found, rejected",
      "validate: done, not valid",
      "invite: conflict, rejected",
    },
  },
  ["what was asked for is done and the answer lost, for who invites"] = {
    faults = "fault+lostreplyx1.lookuplostreplyx1.resendlostreplyx1",
    mails = 2,
    lines = {
      "invite: found",
      "look up: done",
      "resend: connection, unknown",
      "validate: done, valid",
      "complete: done",
      "look up: not_found, rejected",
      "validate: done, not valid",
      "invite: conflict, rejected",
    },
  },
  ["what was asked for is done and the answer lost, for who is invited"] = {
    faults = "fault+validatelostreplyx1.completelostreplyx1",
    mails = 2,
    lines = {
      "invite: done",
      "look up: done",
      "resend: done",
      "validate: done, valid",
      "complete: connection, unknown",
      "look up: not_found, rejected",
      "validate: done, not valid",
      "invite: conflict, rejected",
    },
  },
  ["each step fails and is not done"] = {
    faults = "fault+500x1.lookup500x1.resend500x1.validate500x1.complete500x1",
    mails = 1,
    lines = {
      "invite: done at attempt 2",
      "look up: done",
      "resend: server, unknown",
      "validate: done at attempt 2, valid",
      "complete: server, unknown",
      "look up: done",
      "validate: done, valid",
      "invite: conflict, rejected",
    },
  },
}

local function told(result, response)
  if not result then
    return response.kind .. ", " .. response.outcome
  end
  local line = response.reconciled and "found" or "done"
  line = line .. (response.attempts > 1 and " at attempt " .. response.attempts or "")
  if result.valid ~= nil then
    line = line .. (result.valid and ", valid" or ", not valid")
  end
  return line
end

--- Options of a client that lives it.
life.OPTIONS = { api_key = "sandbox_owner", settle = 0, proxy = "", deadline = 600, timeout = 600 }

--- Lives it, and returns what came of each step.
---@param client aitronos.Client
---@param faults string
---@return string[]
function life.live(client, faults)
  local lines = {}
  local function step(name, operation, params)
    local result, response = client["try_" .. operation](client, params)
    lines[#lines + 1] = name .. ": " .. told(result, response)
    return result
  end

  local person = {
    organization_id = "org_xyz789", email = faults .. "@example.com", role_id = "role_member",
  }
  local selector = { organization_id = person.organization_id, email = person.email }

  step("invite", "invite_user", person)
  local invitation = step("look up", "get_invitation", selector)
  step("resend", "resend_invitation", {
    organization_id = person.organization_id, user_id = invitation.user_id,
  })
  local key = invitation.invitation_link:match("invite=([^&]+)")
  step("validate", "validate_invitation", { email_key = key })
  step("complete", "complete_invitation", {
    email_key = key, full_name = "Ida Example", password = "correct horse",
  })
  step("look up", "get_invitation", selector)
  step("validate", "validate_invitation", { email_key = key })
  step("invite", "invite_user", person)
  return lines
end

return life
