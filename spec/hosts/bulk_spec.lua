--- Many invitations in one loop, in each event loop, whose other coroutines go on meanwhile.

local hosts = require "spec.support.hosts"

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local cjson = require "cjson"

local function person(number)
  return {
    organization_id = "org_xyz789",
    email = ("person%d@example.com"):format(number),
    role_id = api.ROLE,
  }
end

local function people(count)
  local list = {}
  for number = 1, count do
    list[number] = person(number)
  end
  return list
end

local function email_of(request)
  return cjson.decode(request.body).email
end

local function specs(name, driver)
  local loop, server, client

  before_each(function()
    loop = hosts[name]()
  end)

  after_each(function()
    client:close()
    server:close()
    loop.close()
  end)

  -- answer(connection, request), for each request
  local function begin(answer, options)
    server = Server.new(function(connection)
      local request = connection:read_request()
      while request do
        answer(connection, request)
        request = connection:read_request()
      end
    end)
    options.api_key, options.base_url, options.driver = "ak_test", server:url(), driver
    client = aitronos.new(options)
  end

  local function make(connection, request)
    connection:write(api.response(201, api.made(email_of(request))))
  end

  local function until_true(is_done)
    server:run({ { turn = loop.step } }, is_done)
  end

  -- A coroutine that invites them. Its iterator is called as it is, since in Lua 5.1 a `for` cannot
  -- wait.
  local function start(list, concurrency)
    local result = { made = {}, count = 0 }
    loop.spawn(function()
      local run = client:invite_users(list, { concurrency = concurrency })
      local outcome = run()
      while outcome do
        assert(outcome.invitation, tostring(outcome.error))
        assert(outcome.invitation.invitation_id == outcome.params.email)
        result.made[#result.made + 1] = outcome.index
        outcome = run()
      end
      result.done = true
    end)
    return result
  end

  it("invites many, while others run and call", function()
    local held = true
    begin(function(connection, request)
      local email = email_of(request)
      connection:wait_until(function()
        return not held or email == person(1).email or email == person(1000).email
      end)
      make(connection, request)
    end, { concurrency = 2 })
    local result = start(people(100), 20)
    local other = start({ person(1000) })
    until_true(function()
      return server:count "POST" == 22
    end)
    held = false
    until_true(function()
      return result.done and other.done
    end)
    assert.equal(100, #result.made)
    assert.equal(101, server:count "POST")
  end)

  it("lets others have the place of one that is looked up for a while", function()
    begin(function(connection, request)
      if request.method == "GET" then
        local email = person(1).email
        return connection:write(server:count "POST" < 5 and api.ABSENT
          or api.response(200, api.found { invitation_id = email, email = email }))
      elseif email_of(request) == person(1).email then
        return connection:write(api.response(500, ""))
      end
      make(connection, request)
    end, { settle = 0.1 })
    local result = start(people(5), 1)
    until_true(function()
      return result.done
    end)
    assert.same({ 2, 3, 4, 5, 1 }, result.made)
  end)
end

for _, name in ipairs { "cqueues", "luv", "copas" } do
  describe("invite_users with the driver " .. name, function()
    if hosts.missing[name] then
      it("invites many", function() pending(hosts.missing[name]) end)
    else
      specs(name, require("aitronos.driver." .. name))
    end
  end)
end
