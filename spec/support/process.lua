--- A command that runs beside a spec, so that a server in the spec's own process can serve it.

local shell = require "spec.support.shell"

local read_file = shell.read_file

local process = {}
process.__index = process

--- Starts it and returns at once.
---@param command string for the shell
function process.start(command)
  local output = os.tmpname()
  local line = ("{ %s ; } >%s 2>&1; echo $? >%s.status"):format(command, output, output)
  return setmetatable({
    output = output,
    files = { output, output .. ".status" },
    pipe = assert(io.popen(line)),
  }, process)
end

--- Starts a script on the Lua that runs the specs.
---@param text string
---@param environment? string variables before the command, as for env(1)
function process.start_script(text, environment)
  local path = os.tmpname()
  shell.write_file(path, text)
  local lua = os.getenv("LUA_COMMAND") or "lua5.4"
  local self = process.start(("env %s %s %s"):format(environment or "", lua, path))
  table.insert(self.files, path)
  return self
end

--- Whether it has ended by now.
function process:ended()
  return (read_file(self.output .. ".status") or ""):find("\n") ~= nil
end

--- Waits for its end. Returns its exit code and all that it printed.
---@return integer code
---@return string output
function process:finish()
  self.pipe:close()
  local code, output = read_file(self.output .. ".status"), read_file(self.output)
  for _, path in ipairs(self.files) do
    os.remove(path)
  end
  return tonumber(code), output
end

return process
