--- What the API says, for handlers of spec.support.server: whole responses as bytes.
local api = {}

api.EMAIL = "new.member@example.com"
api.ROLE = "role_member"
api.INVITATION = "inv_made"
api.FOUND = "inv_found"

--- What a spec calls with.
api.PARAMS = { organization_id = "org_xyz789", email = api.EMAIL, role_id = api.ROLE }

local WORDS = {
  [200] = "OK", [201] = "Created", [404] = "Not Found", [409] = "Conflict",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [503] = "Service Unavailable",
}

--- A response with its length; extra header lines as a list.
function api.response(status, body, lines)
  local head = { ("HTTP/1.1 %d %s"):format(status, WORDS[status] or "Whatever") }
  if status ~= 204 and status ~= 304 then
    head[#head + 1] = "Content-Length: " .. #body
  end
  for _, line in ipairs(lines or {}) do
    head[#head + 1] = line
  end
  return table.concat(head, "\r\n") .. "\r\n\r\n" .. body
end

local function object(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = ('"%s":"%s"'):format(name, value)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The body of a 201.
function api.made(id)
  return object {
    invitation_id = id or api.INVITATION,
    email = api.EMAIL,
    invitation_key = "uuid-secret",
    expires_at = "2999-11-26T14:30:00Z",
  }
end

--- The body of a look-up that finds; fields replace those of the invitation that was asked for.
function api.found(fields)
  local invitation = {
    invitation_id = api.FOUND,
    email = api.EMAIL,
    role_id = api.ROLE,
    invitation_link = "https://chat.example.com/register?invite=secret",
    created_at = os.date("!%Y-%m-%dT%H:%M:%SZ"),
  }
  for name, value in pairs(fields or {}) do
    invitation[name] = value
  end
  return object(invitation)
end

--- The API's envelope of an error.
function api.problem(code, message)
  return ('{"success":false,"error":{"code":"%s","message":"%s","type":"client_error",'
    .. '"details":{},"trace_id":"abc-123-def"}}'):format(code, message or "Not this time.")
end

api.CREATED = api.response(201, api.made())
api.ABSENT = api.response(404, api.problem("INVITATION_NOT_FOUND"))
api.HTML = "<html><body><h1>Bad Gateway</h1></body></html>"

return api
