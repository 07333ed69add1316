--- A handler of events that asked for the descriptor started the client's thread while the turn
--- held an answer: the process crashed.
local aitronos = require "aitronos"
local api = require "spec.support.api"
local Server = require "spec.support.server"

describe("client:fd() in a handler of events", function()
  it("is refused, and the call goes on", function()
    local server = Server.new(function(connection)
      while connection:read_request() do
        connection:write(api.CREATED)
      end
    end)
    local client
    local refusals = {}
    client = aitronos.new {
      api_key = "key",
      base_url = server:url(),
      on_event = function(event)
        local fine, err = pcall(client.fd, client)
        refusals[event.name] = not fine and err.details[1].field
      end,
    }
    local job = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return job:done()
    end)
    assert.equal(api.INVITATION, job:result().invitation_id)
    assert.same({ request = "on_event", response = "on_event" }, refusals)
    assert.equal("number", type(client:fd()))
    client:close()
    server:close()
  end)
end)
