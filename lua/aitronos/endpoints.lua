--- The operations of the API, one row each. Whatever differs between two operations stands here;
--- everything else in the library works from the row and needs no change for a further one.

---@class aitronos.Parameter it goes where the row's path names it, else into the body
---@field names string[] a call gives at most one; `lua_operation.c` knows what each must be
---@field type? "string"|"boolean"|"table" a string if left out
---@field required? boolean one of `names` must be given

---@class aitronos.LookUp how to find out whether an operation that is not repeatable was done
---@field path string answered with 404 as long as there is nothing to find
---@field key string what is found must have this field as it was asked for, letter case aside
---@field same string and this one exactly, where it was asked for; else it is another one

---@class aitronos.Endpoint
---@field name aitronos.Operation its key in the table
---@field method "GET"|"POST"
---@field path string `{name}` stands for the percent-encoded parameter, `{?a,b}` for the query of
---those that were given
---@field repeatable? boolean it only reads, and is sent again as often as need be
---@field anonymous? boolean the client's credential is not for it, and not sent
---@field secrets? string[] parameters of which no copy must stay, and none be told
---@field made? string the field without which a 2xx is no answer of this API
---@field made_type? string its type in Lua; a string if left out
---@field empty? boolean a 2xx without content is an answer, too: `{ success = true }`
---@field list? string the answer is a list, bare or under this name
---@field look_up? aitronos.LookUp
---@field parameters aitronos.Parameter[] in the order in which faults are reported

local ORGANIZATION = { names = { "organization_id" }, required = true }
local EMAIL_KEY = { names = { "email_key" }, required = true }

---@type table<string, aitronos.Endpoint>
local endpoints = {
  invite_user = {
    method = "POST",
    path = "/v1/organizations/{organization_id}/invite-user",
    made = "invitation_id",
    look_up = {
      path = "/v1/organizations/{organization_id}/invitation{?email}",
      key = "email",
      same = "role_id",
    },
    parameters = {
      ORGANIZATION,
      { names = { "email" }, required = true },
      { names = { "role_id", "role_name" }, required = true },
      { names = { "send_invitation", "send_email" }, type = "boolean" },
    },
  },

  get_invitation = {
    method = "GET",
    path = "/v1/organizations/{organization_id}/invitation{?email,user_id,invitation_id}",
    repeatable = true,
    made = "invitation_id",
    parameters = {
      ORGANIZATION,
      { names = { "email", "user_id", "invitation_id" }, required = true },
    },
  },

  resend_invitation = {
    method = "POST",
    path = "/v1/organizations/{organization_id}/users/{user_id}/resend-invitation",
    made = "success",
    made_type = "boolean",
    empty = true,
    parameters = { ORGANIZATION, { names = { "user_id" }, required = true } },
  },

  resend_invitations = {
    method = "POST",
    path = "/v1/organizations/{organization_id}/users/resend-invitation-bulk",
    made = "success_count",
    made_type = "number",
    parameters = {
      ORGANIZATION,
      { names = { "user_ids" }, type = "table", required = true },
    },
  },

  validate_invitation = {
    method = "GET",
    path = "/v1/invitations/validate/{email_key}",
    repeatable = true,
    anonymous = true,
    secrets = { "email_key" },
    made = "valid",
    made_type = "boolean",
    parameters = { { names = { "email_key" }, required = true } },
  },

  accept_invitation = {
    method = "POST",
    path = "/v1/invitations/accept",
    secrets = { "email_key" },
    made = "organization_id",
    parameters = { EMAIL_KEY },
  },

  complete_invitation = {
    method = "POST",
    path = "/v1/invitations/complete",
    anonymous = true,
    secrets = { "email_key", "password" },
    made = "user_id",
    parameters = {
      EMAIL_KEY,
      { names = { "full_name" }, required = true },
      { names = { "password" }, required = true },
    },
  },

  list_roles = {
    method = "GET",
    path = "/v1/organizations/{organization_id}/roles{?include_global}",
    repeatable = true,
    list = "roles",
    parameters = {
      ORGANIZATION,
      { names = { "include_global" }, type = "boolean" },
    },
  },
}

for name, row in pairs(endpoints) do
  row.name = name
end

return endpoints
