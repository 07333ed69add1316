--- The command aitronos-invite: from its arguments to its exit code.

local arguments = require "aitronos.cli.arguments"
local complaint = require "aitronos.cli.complaint"
local invite = require "aitronos.cli.invite"
local output = require "aitronos.cli.output"
local plan = require "aitronos.cli.plan"
local resend = require "aitronos.cli.resend"
local roles = require "aitronos.cli.roles"
local shown = require "aitronos.cli.shown"
local status = require "aitronos.cli.status"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

local COMMANDS = { invite = invite, status = status, resend = resend, roles = roles }

local cli = {}

-- As the shell takes it.
local function command_line(given)
  local words = { usage.NAME }
  for _, word in ipairs(given) do
    words[#words + 1] = shown.quote(word)
  end
  return table.concat(words, " ")
end

local function try(given)
  -- Help is there without it, too.
  local system = pcall(require, "posix.unistd") and require "aitronos.cli.system"
  local settings, message, help = arguments.parse(given, system and system.file_id)
  if not settings then
    complaint.fail(EXIT.usage, message .. "\nTry '" .. help .. "'.")
  elseif settings.action == "help" then
    output.print(settings.text)
    return EXIT.done
  elseif settings.action == "version" then
    output.print(shown.version() .. "\n")
    return EXIT.done
  end
  local fault = plan.fault(settings)
  if fault then
    complaint.fail(EXIT.usage, fault)
  end
  complaint.check(system, "luaposix is needed, and is not there for " .. _VERSION)
  return COMMANDS[settings.action].run(settings, system, command_line(given))
end

--- Runs the command. What it has to say goes to standard output and standard error.
---@param given string[] its arguments
---@return integer exit the exit code
function cli.main(given)
  local fine, result = pcall(try, given)
  if fine then
    return result
  elseif type(result) == "table" and result.exit then
    complaint.say(result.message)
    return result.exit
  end
  complaint.say(text.escape(tostring(result)))
  return EXIT.error
end

return cli
