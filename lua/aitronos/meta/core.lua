---@meta aitronos.core
--- Types for the Lua language server: what the C core exports. Never loaded. Only `client.lua`
--- and the command call it; whoever uses the library calls that.

---@class aitronos.core
---@field libraries string libcurl's own line of what it is and what it was built with
local core = {}

---@class aitronos.core.Client: userdata
local Client = {}

---@param settings aitronos.Settings
---@return aitronos.core.Client
function core.new(settings) end

---@class aitronos.core.Operation: userdata a row, read once

---@param row aitronos.Endpoint
---@return aitronos.core.Operation
function core.operation(row) end

--- Looks at the params of a call before anything is sent.
--- From now on the signal is counted, from 0, and does nothing else; or it is watched no longer.
---@param number integer
---@param restarts? boolean whether a system call that it comes into goes on; nil: no longer
---@return boolean done
function core.watch_signal(number, restarts) end

---@param number integer
---@return integer # how often the signal came
function core.signal_count(number) end

---@param operation aitronos.core.Operation
---@param given any what the caller passed; read raw: a metatable neither runs nor counts
---@return aitronos.Fault[]? faults all at once
function core.check(operation, given) end

---@param operation aitronos.core.Operation
---@param given any what the caller passed
---@param waits boolean whether the caller means to wait for the job
---@param in_doubt? boolean an earlier process may have sent it: look it up first
---@return aitronos.Job? job
---@return aitronos.Error? error of the params; closed; or the caller means to wait and can't here
function Client:submit(operation, given, waits, in_doubt) end

---@return boolean # whether a turn of this client is under way, as in `on_event`
function Client:in_turn() end

---@param most integer requests in flight at once from now on
function Client:concurrency(most) end

---@return integer # another one after any job came, went or moved on
function Client:changes() end

---@param timeout? number seconds
---@return integer finished
function Client:turn(timeout) end

---@return integer descriptor
function Client:fd() end

---@return number? seconds
function Client:timeout() end

---@param job? aitronos.Job
---@return string address
---@return string message
---@return string pool
function Client:bell(job) end

function Client:close() end

return core
