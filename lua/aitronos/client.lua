--- The client: the core does the work, and a driver waits for it.
local bulk = require "aitronos.bulk"
local core = require "aitronos.core"
local endpoints = require "aitronos.endpoints"
local errors = require "aitronos.error"

-- Raw, since a strict host forbids to ask for a global that is not there.
local in_nginx = type(rawget(_G, "ngx")) == "table"
local default_driver = require(in_nginx and "aitronos.driver.nginx" or "aitronos.driver.blocking")

--- One set of connections, limits and credentials. Make one and keep it: connections are kept
--- alive in it. A client belongs to the Lua state that made it.
---@class aitronos.Client
---@field private core aitronos.core.Client
---@field private driver aitronos.Driver
---@field private concurrency integer its own
---@field private overrides table<aitronos.Run, integer>
local Client = {}

local metatable = {
  __name = "aitronos.client",
  __index = Client,
}

function metatable.__close(self)
  self:close()
end

function metatable.__tostring()
  return "aitronos.client"
end

local function check_self(self, method)
  if getmetatable(self) ~= metatable then
    local message = "must be a client: write client:" .. method .. "(…), with a colon"
    error(errors.argument { { field = "self", message = message } }, 0)
  end
end

local function refusal(self, waits)
  local reason = self.driver.refusal and self.driver.refusal(waits)
  return reason and errors.config(reason, nil, "CANNOT_WAIT")
end

-- `waits`: the caller means to wait for the job. `in_doubt`: an earlier process may have sent it.
---@return aitronos.Job|nil
---@return aitronos.Error|nil
local function start(self, operation, given, waits, in_doubt)
  local err = refusal(self, waits)
  if err then
    return nil, err
  end
  return self.core:submit(operation, given, waits, in_doubt)
end

-- Not built on pcall: in Lua 5.1 no driver could yield through it.
local function try(self, operation, given)
  local job, err = start(self, operation, given, true)
  if not job then
    return nil, err
  end
  self.driver.wait(self, job)
  if not job:done() then
    job:cancel() -- the driver gave up, and nobody is left to see what comes of it
  end
  return job:try_result()
end

-- Each operation has a method that returns its result and how it came, or raises an Error, and one
-- that returns nil and the Error instead. `meta/operations.lua` describes them.
local operations = {}

for name, row in pairs(endpoints) do
  local try_name = "try_" .. name
  local operation = core.operation(row)
  operations[name] = operation

  Client[name] = function(self, given)
    check_self(self, name)
    local result, response = try(self, operation, given)
    if not result then
      error(response, 0)
    end
    return result, response
  end

  Client[try_name] = function(self, given)
    check_self(self, try_name)
    return try(self, operation, given)
  end
end

local function operation_of(name)
  local operation = operations[name]
  if not operation then
    local message = "must be the name of an operation, such as invite_user"
    error(errors.argument { { field = "operation", message = message } }, 0)
  end
  return operation
end

--- Begins an invitation, or another operation, and returns at once; `client:turn()` moves it on.
---@param given table the params, as of the method of that name
---@param operation? aitronos.Operation `invite_user` if left out
---@return aitronos.Job job
---Raises an Error of kind `argument` or `config`.
function Client:submit(given, operation)
  check_self(self, "submit")
  local known = operation_of(operation == nil and "invite_user" or operation)
  local job, err = start(self, known, given, false)
  if not job then
    error(err, 0)
  end
  if self.driver.submitted then
    self.driver.submitted(self, job, self.core:in_turn())
  end
  return job
end

-- The largest of those that are asked for, lest one run holds up another.
local function set_concurrency(self)
  local most
  for _, concurrency in pairs(self.overrides) do
    most = math.max(most or 0, concurrency)
  end
  self.core:concurrency(most or self.concurrency)
end

local function each(self, operation, result_name, source, options)
  local err = refusal(self, true)
  if err then
    error(err, 0)
  end
  local run = bulk.new(source, options, self.concurrency, {
    start = function(given, in_doubt)
      return start(self, operation, given, true, in_doubt)
    end,
    changes = function()
      return self.core:changes()
    end,
    wait = function(waited)
      self.driver.wait(self, waited)
    end,
    turn = function()
      self.core:turn()
    end,
    override = function(run, concurrency)
      self.overrides[run] = concurrency
      set_concurrency(self)
    end,
    result_name = result_name,
  })
  return run, nil, nil, run
end

--- Invites many: so many at once, and each one's outcome as soon as it is there.
---
---     for outcome in client:invite_users(people) do
---       print(outcome.params.email, outcome.invitation and "invited" or tostring(outcome.error))
---     end
---
--- One failure never stops the others. Leaving the loop early cancels what is open; before Lua 5.4
--- that is when the collector finds the iterator, or at once with its `close()`.
---@param source aitronos.InviteUserParams[]|aitronos.Source a list, or what returns the next one
---@param options? aitronos.BulkOptions
---@return aitronos.Run run call it for the next outcome, nil at the end
---@return nil
---@return nil
---@return aitronos.Run run for Lua 5.4 to close
---Raises an Error of kind `argument` or `config`.
function Client:invite_users(source, options)
  check_self(self, "invite_users")
  return each(self, operations.invite_user, "invitation", source, options)
end

--- The same for any operation: the outcomes have a `result` where those of `invite_users` have an
--- `invitation`.
---
---     for outcome in client:for_each("get_invitation", people) do
---       print(outcome.params.email, outcome.result and "pending" or tostring(outcome.error))
---     end
---
---@param operation aitronos.Operation
---@param source table[]|aitronos.Source a list of params, or what returns the next ones
---@param options? aitronos.BulkOptions
---@return aitronos.Run run call it for the next outcome, nil at the end
---@return nil
---@return nil
---@return aitronos.Run run for Lua 5.4 to close
---Raises an Error of kind `argument` or `config`.
function Client:for_each(operation, source, options)
  check_self(self, "for_each")
  return each(self, operation_of(operation), "result", source, options)
end

--- Does what can be done now for all jobs of this client.
---@param timeout number|nil seconds to wait at most for something to do; 0 if left out
---@return integer finished how many jobs ended
function Client:turn(timeout)
  check_self(self, "turn")
  return self.core:turn(timeout)
end

--- For event loops: a descriptor that is readable when `turn` has something to do. The same one
--- for the life of the client; it is not to be read or closed. From the first call on, a thread of
--- the client's own does the work of libcurl, and nothing that `turn()` does waits.
---@return integer fd
function Client:fd()
  check_self(self, "fd")
  return self.core:fd()
end

--- How long a loop may leave the client alone if its descriptor does not become readable before.
--- After `fd()` the client keeps the time itself, and this is only of interest to the curious.
---@return number|nil seconds until `turn` must be called in any case; nil: for ever
function Client:timeout()
  check_self(self, "timeout")
  return self.core:timeout()
end

--- For hosts that can wait on a socket only. Does what `turn` does; if the job is not done then,
--- connect to `address`, send `message`, and receive one byte, which comes when there is something
--- to do for this job: ask again. Where the connection ends before the byte has come, the job is
--- cancelled: its caller is gone. Without a job it is about those that nobody waits for.
---@param job aitronos.Job|nil
---@return string address of a unix socket, with `unix:` before its path
---@return string message
---@return string pool a name for the pool of such connections, which no other client has
function Client:bell(job)
  check_self(self, "bell")
  return self.core:bell(job)
end

--- Ends the open jobs with an Error of kind `cancelled`, closes the connections and wipes the
--- credential from memory. Closing twice is fine.
function Client:close()
  check_self(self, "close")
  self.core:close()
end

local M = {}

-- A rate that is kept elsewhere than in this client.
local function set_limiter(settings, driver)
  local limiter, fault
  if not settings.rate then
    fault = "needs rate"
  elseif not driver.limiter then
    fault = "is for nginx only"
  else
    limiter, fault = driver.limiter(settings.rate_dict, settings.rate, settings.burst)
  end
  if not limiter then
    error(errors.config { { field = "rate_dict", message = fault } }, 0)
  end
  settings.limiter, settings.rate = limiter, nil
end

---@param settings table as options.check returns them
---@return aitronos.Client
function M.new(settings)
  local driver = settings.driver or default_driver
  if settings.rate_dict then
    set_limiter(settings, driver)
  end
  return setmetatable({
    core = core.new(settings),
    driver = driver,
    concurrency = settings.concurrency,
    overrides = setmetatable({}, { __mode = "k" }),
  }, metatable)
end

return M
