--- Writes to files, and is told where that fails.

local check = require("aitronos.cli.complaint").check

local output = {}

--- As `file:write`. Code that LuaJIT has compiled tries again what has failed, from the buffer that
--- is empty by then, and takes that for success.
---@param file file*
---@param ... string
---@return file*|true|nil fine
---@return string? message
function output.write(file, ...)
  return file:write(...)
end

--- As `file:flush`.
---@param file file*
---@return file*|true|nil fine
---@return string? message
function output.flush(file)
  return file:flush()
end

--- Prints all that the command has to say. Fails where that can't be written.
---@param text string
function output.print(text)
  local fine, message = output.write(io.stdout, text)
  if fine then
    fine, message = output.flush(io.stdout)
  end
  check(fine, "cannot write to standard output: " .. tostring(message))
end

local jit = rawget(_G, "jit")
if jit then
  jit.off(output.write)
  jit.off(output.flush)
end

return output
