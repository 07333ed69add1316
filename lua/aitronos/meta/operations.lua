---@meta
--- The operations as methods of a client, for the Lua language server. Never loaded: `client.lua`
--- makes them of the rows in `endpoints.lua`.
---
--- Each raises an Error, whose `outcome` says what became of what was asked for; the one with
--- `try_` before its name returns nil and the Error instead.

---@alias aitronos.Operation
---| "invite_user"
---| "get_invitation"
---| "resend_invitation"
---| "resend_invitations"
---| "validate_invitation"
---| "accept_invitation"
---| "complete_invitation"
---| "list_roles"

---@class aitronos.Client
local Client = {}

--- Invites a user.
---
---     local invitation, response = client:invite_user {
---       organization_id = "org_xyz789",
---       email = "newmember@example.com",
---       role_id = "role_member",
---       send_invitation = true,
---     }
---
---@param params aitronos.InviteUserParams
---@return aitronos.Invitation invitation the server's answer
---@return aitronos.Response response how it came
function Client:invite_user(params) end

---@param params aitronos.InviteUserParams
---@return aitronos.Invitation? invitation
---@return aitronos.Response|aitronos.Error response
function Client:try_invite_user(params) end

--- Looks a pending invitation up. One that was accepted or has expired is `not_found`.
---
---     local invitation = client:get_invitation {
---       organization_id = "org_xyz789", email = "newmember@example.com",
---     }
---
---@param params aitronos.GetInvitationParams
---@return aitronos.Invitation invitation
---@return aitronos.Response response
function Client:get_invitation(params) end

---@param params aitronos.GetInvitationParams
---@return aitronos.Invitation? invitation
---@return aitronos.Response|aitronos.Error response
function Client:try_get_invitation(params) end

--- Sends the mail of a pending invitation again. There is nothing to look up, so where the answer
--- is lost it is not repeated, and the Error's outcome is `unknown`.
---
---     client:resend_invitation { organization_id = "org_xyz789", user_id = "usr_xyz789" }
---
---@param params aitronos.ResendInvitationParams
---@return aitronos.Done done
---@return aitronos.Response response
function Client:resend_invitation(params) end

---@param params aitronos.ResendInvitationParams
---@return aitronos.Done? done
---@return aitronos.Response|aitronos.Error response
function Client:try_resend_invitation(params) end

--- The same for up to 1,000 users at once. That it fails for some of them is in the result.
---
---     local resent = client:resend_invitations {
---       organization_id = "org_xyz789", user_ids = { "usr_1", "usr_2" },
---     }
---     for _, failed in ipairs(resent.failed_operations) do
---       print(failed.id, failed.error)
---     end
---
---@param params aitronos.ResendInvitationsParams
---@return aitronos.Resent resent
---@return aitronos.Response response
function Client:resend_invitations(params) end

---@param params aitronos.ResendInvitationsParams
---@return aitronos.Resent? resent
---@return aitronos.Response|aitronos.Error response
function Client:try_resend_invitations(params) end

--- What an invitation's key is good for. The client's credential is not sent.
---
---     local found = client:validate_invitation { email_key = key }
---     print(found.valid, found.organization_name, found.role_name)
---
---@param params aitronos.EmailKeyParams
---@return aitronos.ValidatedInvitation found
---@return aitronos.Response response
function Client:validate_invitation(params) end

---@param params aitronos.EmailKeyParams
---@return aitronos.ValidatedInvitation? found
---@return aitronos.Response|aitronos.Error response
function Client:try_validate_invitation(params) end

--- Accepts an invitation for the user whose credential the client has.
---
---     local client = aitronos.new { bearer_token = token_of_the_invited }
---     client:accept_invitation { email_key = key }
---
---@param params aitronos.EmailKeyParams
---@return aitronos.AcceptedInvitation accepted
---@return aitronos.Response response
function Client:accept_invitation(params) end

---@param params aitronos.EmailKeyParams
---@return aitronos.AcceptedInvitation? accepted
---@return aitronos.Response|aitronos.Error response
function Client:try_accept_invitation(params) end

--- Makes the account of someone who was invited and has none. The client's credential is not sent.
---
---     local account = client:complete_invitation {
---       email_key = key, full_name = "Ida Example", password = password,
---     }
---
---@param params aitronos.CompleteInvitationParams
---@return aitronos.CompletedInvitation account
---@return aitronos.Response response
function Client:complete_invitation(params) end

---@param params aitronos.CompleteInvitationParams
---@return aitronos.CompletedInvitation? account
---@return aitronos.Response|aitronos.Error response
function Client:try_complete_invitation(params) end

--- The roles that can be given to a user of an organization.
---
---     for _, role in ipairs(client:list_roles { organization_id = "org_xyz789" }) do
---       print(role.id, role.name)
---     end
---
---@param params aitronos.ListRolesParams
---@return aitronos.Role[] roles
---@return aitronos.Response response
function Client:list_roles(params) end

---@param params aitronos.ListRolesParams
---@return aitronos.Role[]? roles
---@return aitronos.Response|aitronos.Error response
function Client:try_list_roles(params) end

-- ## What they take

---Exactly one of `role_id` and `role_name`, at most one of `send_invitation` and `send_email`. The
---API documents `role_id` and `send_invitation` only, and may ignore the others.
---@class aitronos.InviteUserParams
---@field organization_id string begins with `org_`
---@field email string
---@field role_id? string
---@field role_name? string
---@field send_invitation? boolean the server's default is true
---@field send_email? boolean may be ignored, and the mail goes out

---Exactly one of `email`, `user_id` and `invitation_id`.
---@class aitronos.GetInvitationParams
---@field organization_id string
---@field email? string
---@field user_id? string
---@field invitation_id? string

---@class aitronos.ResendInvitationParams
---@field organization_id string
---@field user_id string

---@class aitronos.ResendInvitationsParams
---@field organization_id string
---@field user_ids string[] 1 to 1,000

---@class aitronos.EmailKeyParams
---@field email_key string a secret: the invitation's key

---@class aitronos.CompleteInvitationParams
---@field email_key string a secret
---@field full_name string at most 255 characters
---@field password string at least 8 characters

---@class aitronos.ListRolesParams
---@field organization_id string
---@field include_global? boolean the server's default is true

-- ## What they return. Fields that the server adds are kept, nulls are absent.

---One that was looked up lacks `invitation_key` and `is_new_user`.
---@class aitronos.Invitation
---@field invitation_id string
---@field email? string
---@field user_id? string
---@field expires_at? string
---@field is_new_user? boolean
---@field invitation_key? string a secret: its holder can join
---@field invitation_link? string a secret too; of a look-up, as are the next three
---@field organization_id? string
---@field role_id? string
---@field created_at? string

---@class aitronos.Done
---@field success boolean
---@field message? string

---@class aitronos.Resent
---@field success_count integer
---@field failure_count? integer
---@field failed_operations? { id: string, error: string }[]

---@class aitronos.ValidatedInvitation
---@field valid boolean
---@field invitation_id? string
---@field email? string
---@field organization_id? string
---@field organization_name? string
---@field role_id? string
---@field role_name? string
---@field expires_at? string

---@class aitronos.AcceptedInvitation
---@field success? boolean
---@field organization_id string
---@field organization_name? string
---@field role_id? string
---@field role_name? string

---@class aitronos.CompletedInvitation
---@field success? boolean
---@field user_id string
---@field token? string a secret
---@field refresh_token? { token: string, expires_at: string } a secret
---@field device_id? string

---@class aitronos.Role
---@field id string
---@field name string
---@field description? string
