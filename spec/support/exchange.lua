--- A server of spec.support.server and a client of it, for the specs of a block, each of which gets
--- its own:
---
---     local exchange = Exchange.each { settle = 0 }
---     it("…", function()
---       exchange:answer({ api.CREATED }, {})
---       local invitation, response = exchange:call { max_retries = 0 }
---       assert.equal("POST", exchange:methods())
---     end)

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local busted = require "busted"

---@class spec.Exchange
---@field server spec.Server
---@field client table
---@field timeouts integer attempts of the client that timed out
local Exchange = {}
Exchange.__index = Exchange

--- For the block of specs in which it is called.
---@param options? table of all its clients
---@return spec.Exchange
function Exchange.each(options)
  local exchange = setmetatable({ options = options or {} }, Exchange)
  busted.after_each(function()
    exchange:close()
  end)
  return exchange
end

---@param handler fun(connection: spec.Connection)
function Exchange:serve(handler)
  self.server = Server.new(handler)
end

--- Serves POSTs and GETs with these lists, the last of each for ever: a response, a function of the
--- connection that ends it, or false for none at all.
function Exchange:answer(posts, gets)
  local server
  server = Server.new(function(connection)
    while true do
      local request = connection:read_request()
      if not request then
        return
      end
      local answers = request.method == "POST" and posts or gets
      local answer = answers[math.min(server:count(request.method), #answers)]
      if not answer then
        return connection:hang()
      elseif type(answer) == "function" then
        return answer(connection)
      end
      connection:write(answer)
    end
  end)
  self.server = server
end

-- Counts the attempts that time out, and passes on what it is told.
local function count_timeouts(self, on_event)
  return function(event)
    if event.failure == "timeout" or event.failure == "connect_timeout" then
      self.timeouts = self.timeouts + 1
    end
    if on_event then
      on_event(event)
    end
  end
end

--- A client of the server that waits with it; the options come on top.
function Exchange:connect(options)
  local all = {
    api_key = "ak_test",
    base_url = self.server:url(),
    proxy = "",
    driver = self.server:driver(),
  }
  for _, given in ipairs { self.options, options or {} } do
    for name, value in pairs(given) do
      all[name] = value
    end
  end
  self.timeouts = 0
  all.on_event = count_timeouts(self, all.on_event)
  self.client = aitronos.new(all)
  return self.client
end

--- A call of a new client.
function Exchange:call(options, params)
  return self:connect(options):try_invite_user(params or api.PARAMS)
end

--- Lets both go on until is_done().
function Exchange:run(is_done)
  self.server:run({ self.client }, is_done)
end

--- Whether just those attempts timed out that the server left without an answer. If not, this
--- machine was too slow for their time-outs.
function Exchange:kept_up()
  return self.timeouts == self.server.hung
end

--- The methods of all requests that came, in order.
function Exchange:methods()
  local list = {}
  for i, request in ipairs(self.server.requests) do
    list[i] = request.method
  end
  return table.concat(list, " ")
end

function Exchange:close()
  for _, name in ipairs { "client", "server" } do
    if self[name] then
      self[name]:close()
      self[name] = nil
    end
  end
end

return Exchange
