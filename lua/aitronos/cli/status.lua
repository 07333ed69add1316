--- Says of people whether their invitation is pending, in which role, and until when.

local look_up = require "aitronos.cli.look_up"
local record = require "aitronos.cli.record"
local runs = require "aitronos.cli.run"

local status = {}

---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return integer exit
function status.run(settings, system, command)
  local run = runs.new(settings, system, command)
  run:check(look_up.CALL)
  return run:carry_out(function()
    local operation = look_up.operation("none", function(entry, outcome)
      return record.pending(entry.person, outcome.result, outcome.response)
    end)
    run:campaign({ operation = operation, next_person = run:people() }):run_through()
  end)
end

return status
