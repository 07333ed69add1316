--- What a call asks a look-up, and what it believes of the answer.

local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"

local FOUND = api.response(200, api.found())
local FAILED = api.response(500, "")

describe("a call that looks up", function()
  local exchange = Exchange.each { settle = 0 }

  local function params(fields)
    local all = { organization_id = "org_xyz789", email = api.EMAIL }
    for name, value in pairs(fields) do
      all[name] = value
    end
    return all
  end

  it("asks for the whole address, with the credential and without a body", function()
    exchange:answer({ FAILED }, { FOUND })
    local before = "/prefix/v1/organizations/org_xyz789/"

    exchange:call({ base_url = exchange.server:url("/prefix") },
      params { email = "a+b&c=d@example.com", role_id = api.ROLE })

    local sent = exchange.server.requests
    local post, get = sent[1], sent[2]
    assert.equal(before .. "invite-user", post.path)
    assert.equal("application/json", post.headers["content-type"])
    assert.equal(before .. "invitation?email=a%2Bb%26c%3Dd%40example.com", get.path)
    assert.equal("ak_test", get.headers["x-api-key"])
    assert.is_nil(get.headers["content-type"])
    assert.is_nil(get.headers["content-length"])
    assert.is_nil(get.headers["transfer-encoding"])
    assert.equal("", get.body)
  end)

  it("believes an answer for the address in other letter case", function()
    exchange:answer({ FAILED }, { api.response(200, api.found { email = api.EMAIL:upper() }) })

    local invitation = exchange:call()

    assert.equal(api.FOUND, invitation.invitation_id)
  end)

  it("takes any role where it named none by id", function()
    exchange:answer({ FAILED }, { api.response(200, api.found { role_id = "role_admin" }) })

    local invitation, response = exchange:call(nil, params { role_name = "Member" })

    assert.equal("role_admin", invitation.role_id)
    assert.is_true(response.reconciled)
  end)

  it("is a conflict where the invitation has another role", function()
    exchange:answer({ FAILED }, { api.response(200, api.found { role_id = "role_admin" }) })

    local _, err = exchange:call()

    assert.equal("conflict", err.kind)
    assert.equal("INVITATION_ROLE_DIFFERS", err.code)
    assert.is_false(err.retryable)
  end)

  for name, answer in pairs {
    ["another address"] = api.response(200, api.found { email = "old.member@example.com" }),
    ["no address"] = api.response(200, '{"invitation_id":"inv_x"}'),
    ["no invitation"] = api.response(200, "{}"),
    ["HTML"] = api.response(200, api.HTML),
    ["a 404 of a gateway"] = api.response(404, api.HTML),
    ["a 404 without a code"] = api.response(404, '{"error":{}}'),
    ["a 404 in another shape"] = api.response(404, '{"detail":"Not Found"}'),
    ["a 404 cut short"] = function(connection)
      connection:write(api.ABSENT:sub(1, -2))
    end,
    ["a refusal"] = api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")),
    ["a redirect"] = api.response(302, "", { "Location: /elsewhere" }),
  } do
    it("learns nothing from this: " .. name, function()
      exchange:answer({ FAILED }, { answer })

      local _, err = exchange:call { max_retries = 0 }

      assert.equal(1, exchange.server:count("POST"))
      assert.equal("server", err.kind)
      assert.equal("unknown", err.outcome)
      assert.is_false(err.retryable)
    end)
  end

  it("tells an older invitation by the server's own clock", function()
    local day = 86400
    local function found(age)
      local now = os.time() + day
      return api.response(200,
        api.found { created_at = os.date("!%Y-%m-%dT%H:%M:%SZ", now - age) },
        { os.date("!Date: %a, %d %b %Y %H:%M:%S GMT", now) })
    end
    exchange:answer({ FAILED }, { found(0), found(3600) })

    local _, new = exchange:call()
    local _, old = exchange.client:try_invite_user(api.PARAMS)

    assert.is_false(new.existing)
    assert.is_true(old.existing)
  end)
end)
