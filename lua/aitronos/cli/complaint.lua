--- What the command says of itself on standard error, and how it gives up.

local usage = require "aitronos.cli.usage"

local complaint = {}

---@param message string fit to look at
function complaint.say(message)
  io.stderr:write(usage.NAME, ": ", message, "\n")
end

--- Ends the command, after what is under way has cleaned up; `cli.main` says the message.
---@param exit integer
---@param message string fit to look at
function complaint.fail(exit, message)
  error({ exit = exit, message = message }, 0)
end

--- Its first argument, or the end of the command.
---@generic T
---@param value T?
---@param message? string fit to look at
---@param exit? integer
---@return T
function complaint.check(value, message, exit)
  if not value then
    complaint.fail(exit or usage.EXIT.error, message)
  end
  return value
end

return complaint
