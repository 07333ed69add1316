--- What we put on the wire, beside what the four forms in the API's documentation put there, both
--- as the sandbox saw them; and the documented answers, field by field.
local aitronos = require "aitronos"
local cjson = require "cjson"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local PATH = "/v1/organizations/org_xyz789/invite-user"

describe("on the wire", function()
  local server, client

  setup(function()
    server = sandbox.start()
    client = aitronos.new { api_key = "sandbox_owner", base_url = server.base_url }
  end)

  teardown(function()
    client:close()
    server.stop()
  end)

  before_each(function()
    server.reset()
  end)

  local function last_request()
    return cjson.decode(server.get("/_sandbox/requests?raw=1"))
  end

  -- What the form's own client writes, sent by curl as it is.
  local function send_form(headers, body)
    local file = os.tmpname()
    shell.write_file(file, body)
    local command = { "curl --silent --output /dev/null --request POST" }
    for _, header in ipairs(headers) do
      command[#command + 1] = "--header '" .. header .. "'"
    end
    command[#command + 1] = "--data-binary @" .. file
    command[#command + 1] = server.base_url .. PATH
    os.execute(table.concat(command, " "))
    os.remove(file)
    return last_request()
  end

  local function same_request(form, params)
    client:invite_user(params)
    local ours = last_request()
    assert.equal(form.method, ours.method)
    assert.equal(form.path, ours.path)
    assert.equal(form.status, ours.status)
    assert.same(cjson.decode(form.body), cjson.decode(ours.body))
    for _, name in ipairs { "content-type", "x-api-key", "authorization" } do
      assert.equal(form.headers[name], ours.headers[name], name)
    end
    assert.equal(tostring(#ours.body), ours.headers["content-length"])
    assert.is_nil(ours.headers.expect)
    return ours
  end

  local JSON = "Content-Type: application/json"
  local KEY = "X-API-Key: sandbox_owner"

  it("we send what the curl form sends", function()
    local form = send_form({ KEY, JSON }, [[{
      "email": "newmember@example.com",
      "role_id": "role_member",
      "send_invitation": true
    }]])
    server.reset()
    same_request(form, {
      organization_id = "org_xyz789",
      email = "newmember@example.com",
      role_id = "role_member",
      send_invitation = true,
    })
  end)

  it("we send what the Python SDK form sends: no more than was given", function()
    local form = send_form({ KEY, JSON },
      '{"email": "newmember@example.com", "role_id": "role_member"}')
    server.reset()
    same_request(form, {
      organization_id = "org_xyz789",
      email = "newmember@example.com",
      role_id = "role_member",
    })
  end)

  it("we send what the requests form sends, with role_name and send_email", function()
    local form = send_form({ KEY, JSON },
      '{"email": "newmember@example.com", "role_name": "Member", "send_email": true}')
    server.reset()
    same_request(form, {
      organization_id = "org_xyz789",
      email = "newmember@example.com",
      role_name = "Member",
      send_email = true,
    })
  end)

  it("we send what the fetch form sends", function()
    local form = send_form({ KEY, JSON },
      '{"email":"newmember@example.com","role_id":"role_member","send_invitation":false}')
    server.reset()
    same_request(form, {
      organization_id = "org_xyz789",
      email = "newmember@example.com",
      role_id = "role_member",
      send_invitation = false,
    })
  end)

  it("we say who we are and what we take", function()
    local named = aitronos.new {
      api_key = "sandbox_owner",
      base_url = server.base_url,
      user_agent = "onboarding/2",
      headers = { ["X-Team"] = "platform" },
    }
    named:invite_user {
      organization_id = "org_xyz789", email = "who@example.com", role_id = "role_member",
    }
    named:close()
    local headers = last_request().headers
    assert.equal("aitronos-lua/" .. aitronos._VERSION .. " onboarding/2", headers["user-agent"])
    assert.equal("application/json", headers.accept)
    assert.equal("platform", headers["x-team"])
    assert.truthy(headers["accept-encoding"]:find("gzip", 1, true))
  end)

  it("a bearer token goes as Authorization, and no API key with it", function()
    local bearer = aitronos.new { bearer_token = "sandbox_admin", base_url = server.base_url }
    bearer:invite_user {
      organization_id = "org_xyz789", email = "token@example.com", role_id = "role_member",
    }
    bearer:close()
    local headers = last_request().headers
    assert.truthy(headers.authorization:find("^Bearer sandbox_"))
    assert.is_nil(headers["x-api-key"])
  end)

  it("text beyond ASCII goes as UTF-8 and comes back as it was", function()
    local invitation = client:invite_user {
      organization_id = "org_xyz789", email = "zoë/+\"\\@exämple.com", role_id = "role_member",
    }
    assert.equal("zoë/+\"\\@exämple.com", invitation.email)
  end)

  it("the documented 201 comes back field by field", function()
    local invitation, response = client:invite_user {
      organization_id = "org_xyz789", email = "newmember@example.com", role_id = "role_member",
    }
    assert.truthy(invitation.invitation_id:find("^inv_"))
    assert.equal("newmember@example.com", invitation.email)
    assert.truthy(invitation.invitation_key:find("^uuid%-"))
    assert.is_true(invitation.is_new_user)
    assert.truthy(invitation.user_id:find("^usr_"))
    assert.truthy(invitation.expires_at:find("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$"))

    assert.equal(201, response.status)
    assert.equal(1, response.attempts)
    assert.is_false(response.reconciled)
    assert.is_false(response.existing)
    assert.truthy(response.elapsed > 0)
    assert.equal(response.headers["x-request-id"], response.request_id)
    assert.equal(response.headers["content-type"], "application/json")
    assert.equal(100, response.rate_limit.limit)
    assert.truthy(response.rate_limit.remaining <= 120)
    assert.truthy(response.rate_limit.reset >= 0)
  end)

  it("the documented 403 comes back field by field", function()
    local member = aitronos.new { api_key = "sandbox_member", base_url = server.base_url }
    local invitation, err = member:try_invite_user {
      organization_id = "org_xyz789", email = "newmember@example.com", role_id = "role_member",
    }
    member:close()
    assert.is_nil(invitation)
    assert.equal("permission", err.kind)
    assert.equal("INSUFFICIENT_PERMISSIONS", err.code)
    assert.equal("You don't have permission to perform this action.", err.message)
    assert.equal("client_error", err.type)
    assert.equal(403, err.status)
    assert.same({}, err.details)
    assert.truthy(err.trace_id)
    assert.truthy(err.timestamp)
    assert.truthy(err.request_id)
    assert.equal("rejected", err.outcome)
    assert.is_false(err.retryable)
  end)

  it("whole numbers come as integers where Lua has them", function()
    local _, response = client:invite_user {
      organization_id = "org_xyz789", email = "n@example.com", role_id = "role_member",
    }
    assert.equal("201", tostring(response.status))
    assert.equal("1", tostring(response.attempts))
    assert.equal("100", tostring(response.rate_limit.limit))
  end)

  it("HTTPS works with the server's authority as ca_file, and not without it", function()
    local person = {
      organization_id = "org_xyz789", email = "tls@example.com", role_id = "role_member",
    }
    local trusting = aitronos.new {
      api_key = "sandbox_owner", base_url = server.https_base_url, ca_file = server.ca_file,
    }
    local invitation = trusting:invite_user(person)
    trusting:close()
    assert.equal("tls@example.com", invitation.email)

    local careful = aitronos.new { api_key = "sandbox_owner", base_url = server.https_base_url }
    local none, err = careful:try_invite_user(person)
    careful:close()
    assert.is_nil(none)
    assert.equal("tls", err.kind)
    assert.equal("CERTIFICATE_NOT_TRUSTED", err.code)
    assert.equal("not_sent", err.outcome)
    assert.truthy(tostring(err):find("libcurl/", 1, true))
  end)

  it("HTTP/2 is spoken where it is asked for", function()
    local person = {
      organization_id = "org_xyz789", email = "two@example.com", role_id = "role_member",
    }
    local modern = aitronos.new {
      api_key = "sandbox_owner",
      base_url = server.https_base_url,
      ca_file = server.ca_file,
      http2 = true,
    }
    modern:invite_user(person)
    modern:close()
    assert.equal("HTTP/2.0", last_request().protocol)
  end)
end)
