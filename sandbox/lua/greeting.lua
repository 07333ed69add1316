-- What sandbox/run prints once connections are accepted, and the file that says so to programs.

local faults = require "faults"
local operations = require "operations"
local world = require "world"

local greeting = {}

local READY = ngx.config.prefix() .. "ready"

local TEXT = [[
The Aitronos API, played on this machine. Ctrl-C ends it.

  Page    http://127.0.0.1:%d/ shows who was invited, the mails, and the last requests
  HTTP    http://127.0.0.1:%d
  HTTPS   https://localhost:%d   (HTTP/1.1 and HTTP/2; trust %s)

With curl:

  curl -i http://127.0.0.1:%d/v1/organizations/org_xyz789/invite-user \
    -H 'X-API-Key: sandbox_owner' -H 'Content-Type: application/json' \
    -d '{"email":"newmember@example.com","role_id":"role_member"}'

With Lua:

  export FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=http://127.0.0.1:%d

Keys            %s
Organizations   %s
Roles           %s
Members         %s
Faults          invite fault+NAME@example.com, or fault+NAMEx2@... for two times only;
                OPERATIONNAME strikes there, where OPERATION is one of
                %s;
                GET /_sandbox/faults says what each does:
                %s

What it saw     GET /_sandbox/requests (?email=ADDRESS, ?raw=1 for the last as it came),
                GET /_sandbox/addresses, GET /_sandbox/outbox;
                POST /_sandbox/reset forgets, POST /_sandbox/clock moves the time
]]

local function names(list, describe)
  local shown = {}
  for place, entry in ipairs(list) do
    shown[place] = describe(entry)
  end
  -- Lines of a terminal's width, indented as the text is.
  local lines = { "" }
  for place, name in ipairs(shown) do
    local word = name .. (place < #shown and ", " or "")
    if #lines[#lines] + #word > 80 then
      lines[#lines + 1] = ""
    end
    lines[#lines] = lines[#lines] .. word
  end
  return (table.concat(lines, "\n" .. (" "):rep(16)):gsub(" +\n", "\n"))
end

local function describe_key(key)
  local note = key.refused and "401 " .. key.refused or key.role:lower()
  return ("%s (%s)"):format(key.name, key.unlimited and note .. ", no rate limit" or note)
end

local function describe_organization(organization)
  local domain = organization.domain
  return organization.id .. (domain and " (only addresses at " .. domain .. ")"
    or organization.crew and " (answers in the other shapes)" or "")
end

-- The sockets listen before a worker begins, so whoever sees the file can connect.
function greeting.open(http, https)
  io.stdout:write(TEXT:format(http, http, https, ngx.config.prefix() .. "ca.pem", http, http,
    names(world.KEYS, describe_key),
    names(world.ORGANIZATIONS, describe_organization),
    names(world.ROLES, function(role) return role.id .. " or " .. role.name end),
    table.concat(world.MEMBERS, ", "),
    table.concat(operations.NAMES, ", "),
    names(faults.list(), function(fault) return fault.name end)))
  io.stdout:flush()
  local ready = assert(io.open(READY, "w"))
  ready:write(http, " ", https, "\n")
  ready:close()
end

function greeting.close()
  os.remove(READY)
end

return greeting
