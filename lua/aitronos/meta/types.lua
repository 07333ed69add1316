---@meta
--- Types for the Lua language server: what callers pass and get. Never loaded.

---@class aitronos.Options
---@field api_key? string sent as `X-API-Key`; else the environment's `FREDDY_API_KEY`
---@field bearer_token? string sent as `Authorization: Bearer`; not together with `api_key`
---@field base_url? string else `AITRONOS_BASE_URL`, else the real API
---@field timeout? number seconds for one attempt; 30
---@field connect_timeout? number seconds for its TCP and TLS set-up; 10
---@field deadline? number seconds for the call in all; 120
---@field max_retries? integer how often to send after the first time; 2
---@field reconcile? boolean look up what became of an ambiguous attempt; true
---@field settle? number seconds for which look-ups must find nothing to be believed; 4
---@field rate? number requests per minute; no limit of ours if left out
---@field burst? integer how many of them may leave at once after a pause; 1
---@field concurrency? integer requests in flight at once; 16
---@field max_response_bytes? integer of a body, decompressed; 1048576
---@field http2? boolean HTTP/2 where the server offers it over TLS; false
---@field headers? table<string, string> further request headers
---@field proxy? string proxy URL, empty for none; else as libcurl reads the environment
---@field ca_file? string trusted certificates, in place of libcurl's own
---@field ca_path? string a folder of further ones
---@field user_agent? string added to the library's own
---@field on_event? fun(event: aitronos.Event)
---@field driver? aitronos.Driver

---Exactly one of `role_id` and `role_name`, at most one of `send_invitation` and `send_email`. The
---API documents `role_id` and `send_invitation` only, and may ignore the others.
---@class aitronos.InviteUserParams
---@field organization_id string begins with `org_`
---@field email string
---@field role_id? string
---@field role_name? string
---@field send_invitation? boolean the server's default is true
---@field send_email? boolean may be ignored, and the mail goes out

---The server's object: fields that it adds are kept, nulls are absent. One that a look-up found
---lacks `invitation_key` and `is_new_user`.
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

---@class aitronos.Response
---@field status integer
---@field headers table<string, string> names in lower case
---@field request_id? string
---@field attempts integer requests sent, look-ups aside
---@field elapsed number seconds
---@field reconciled boolean found by a look-up after its own answer was lost
---@field existing boolean found, and clearly older than this call
---@field rate_limit aitronos.RateLimit

---Each is nil where the server did not send it.
---@class aitronos.RateLimit
---@field limit? integer
---@field remaining? integer
---@field reset? number seconds from now

---@class aitronos.Job: userdata
---@field done fun(self: aitronos.Job): boolean whether it has ended
---@field result fun(self: aitronos.Job): aitronos.Invitation, aitronos.Response raises its Error
---@field try_result aitronos.TryResult
---@field cancel fun(self: aitronos.Job) ends it with an Error of kind `cancelled`

---@alias aitronos.TryResult
---| fun(self: aitronos.Job): aitronos.Invitation?, aitronos.Response|aitronos.Error

---@class aitronos.Driver
---@field wait fun(client: aitronos.Client, job: aitronos.Job) returns once the job is done

---@class aitronos.Event
---@field name "request"|"response"|"retry"|"reconcile"|"wait"
---@field job integer tells the calls of a client apart
---@field attempt integer requests sent so far, look-ups aside
---@field look_up boolean whether it is about a look-up
---@field elapsed number seconds since the call began
---@field status? integer
---@field request_id? string
---@field failure? string why there is no whole answer
---@field reason? string why it waits or goes on
---@field delay? number seconds
