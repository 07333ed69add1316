-- A plain client of a sandbox, for the sandbox's own specs: shows answers as they are.

local assert = require "luassert"
local cjson = require "cjson"
local socket = require "socket"
local sandbox = require "spec.support.sandbox"

local client = {}
client.__index = client

local ORG = "org_xyz789"
local KEY = "sandbox_unlimited"
local CRLF = "\r\n"

---Starts a sandbox of its own: `client.server`.
function client.start()
  return setmetatable({ server = sandbox.start() }, client)
end

local function url_encode(text)
  return (text:gsub("[^%w._-]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function parse(text)
  local head, body = text:match("^(.-\r\n)\r\n(.*)$")
  local answer = { status = tonumber(head:match("^HTTP/1.1 (%d+)")), headers = {}, text = body }
  for name, value in head:gmatch("\n([^:]+): ([^\r]*)") do
    answer.headers[name:lower()] = value
  end
  local decoded, json = pcall(cjson.decode, body)
  answer.json = decoded and json or nil
  return answer
end

---Sends a request on a connection of its own.
function client:open(method, path, headers, body)
  local connection = assert(socket.connect("127.0.0.1", self.server.port))
  local lines = { method .. " " .. path .. " HTTP/1.1", "Host: localhost", "Connection: close" }
  for name, value in pairs(headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if body then
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  assert(connection:send(table.concat(lines, CRLF) .. CRLF .. CRLF .. (body or "")))
  return connection
end

---@return table? answer  { status, headers, text, json }; nil where nothing came
function client:request(...)
  local connection = self:open(...)
  local text = connection:receive("*a")
  connection:close()
  return text and parse(text)
end

---Any operation.
---@param key string|false|nil  false for no credential
---@param body table?
function client:call(method, path, body, key)
  return self:request(method, path, {
    ["X-API-Key"] = key ~= false and (key or KEY) or nil,
    ["Content-Type"] = body and "application/json",
  }, body and cjson.encode(body))
end

---Moves the time that invitations live by.
function client:advance(seconds)
  return self:request("POST", "/_sandbox/clock", {}, cjson.encode { advance = seconds })
end

local function invitation(body, key, organization_id)
  return "POST", "/v1/organizations/" .. (organization_id or ORG) .. "/invite-user", {
    ["X-API-Key"] = key or KEY,
    ["Content-Type"] = "application/json",
  }, type(body) == "table" and cjson.encode(body) or body
end

---@param body table|string
function client:invite(body, key, organization_id)
  return self:request(invitation(body, key, organization_id))
end

function client:invite_address(email)
  return self:invite { email = email, role_id = "role_member" }
end

---Sends an invitation and leaves the answer to the caller.
function client:send(email)
  return self:open(invitation { email = email, role_id = "role_member" })
end

function client:look_up(query, key, organization_id)
  return self:request("GET",
    "/v1/organizations/" .. (organization_id or ORG) .. "/invitation?" .. query,
    { ["X-API-Key"] = key or KEY })
end

function client:look_up_address(email)
  return self:look_up("email=" .. url_encode(email))
end

---One of the sandbox's own pages, decoded.
function client:admin(page)
  return cjson.decode(self.server.get("/_sandbox/" .. page))
end

---How many POSTs came for an address.
function client:posts(email)
  return self:admin("requests?email=" .. url_encode(email)).posts[email] or 0
end

---Checks that an answer is the API's error envelope.
---@return table problem  its inner part
function client.assert_problem(status, code, answer)
  assert.equal(status, answer.status)
  assert.is_false(answer.json.success)
  local problem = answer.json.error
  assert.equal(code, problem.code)
  assert.equal(status, problem.status)
  for _, field in ipairs { "message", "system_message", "type", "trace_id", "timestamp" } do
    assert.equal("string", type(problem[field]), field)
  end
  return problem
end

return client
