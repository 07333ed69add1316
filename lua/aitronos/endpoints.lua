--- The operations of the API, one row each. Whatever differs between two operations stands here;
--- everything else in the library works from the row and needs no change for a further one.

---@class aitronos.Parameter
---@field names string[] alternative spellings of which a call gives at most one
---@field place "path"|"body" where the value goes
---@field type "string"|"boolean"
---@field required? boolean one of `names` must be given
---@field check? string name of a check in `params.lua`, made once the type is right

---@class aitronos.LookUp how to find out whether an operation that is not repeatable was done
---@field path string answered with 404 as long as there is nothing to find
---@field key string what is found must have this field as it was asked for, letter case aside
---@field same string and this one exactly, where it was asked for; else it is another one

---@class aitronos.Endpoint
---@field method string
---@field path string `{name}` stands for the percent-encoded parameter
---@field repeatable boolean doing it twice is the same as doing it once
---@field made string the field without which a 2xx is no answer of this API
---@field look_up? aitronos.LookUp
---@field parameters aitronos.Parameter[] in the order in which faults are reported

---@type table<string, aitronos.Endpoint>
local endpoints = {
  invite_user = {
    method = "POST",
    path = "/v1/organizations/{organization_id}/invite-user",
    repeatable = false,
    made = "invitation_id",
    look_up = {
      path = "/v1/organizations/{organization_id}/invitation?email={email}",
      key = "email",
      same = "role_id",
    },
    parameters = {
      {
        names = { "organization_id" },
        place = "path",
        type = "string",
        required = true,
        check = "organization_id",
      },
      { names = { "email" }, place = "body", type = "string", required = true, check = "email" },
      {
        names = { "role_id", "role_name" },
        place = "body",
        type = "string",
        required = true,
        check = "line",
      },
      { names = { "send_invitation", "send_email" }, place = "body", type = "boolean" },
    },
  },
}

return endpoints
