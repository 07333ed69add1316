--- Runs a script in a process of its own, under one of the hosts that the Makefile builds beside
--- the module: what is proved there concerns a whole process, or ends one.
local child = {}
child.__index = child

local folder = debug.getinfo(1, "S").source:match("^@(.*)child%.lua$")

local function read_file(path)
  local file = io.open(path)
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return text
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- The path of the first of these hosts that stands beside the module that is in use; or nil.
---@param names string[]
function child.host(names)
  for place in package.cpath:gmatch("([^;]+)/%?%.so") do
    if read_file(place .. "/aitronos/core.so") then
      for _, name in ipairs(names) do
        if read_file(place .. "/" .. name) then
          return place .. "/" .. name
        end
      end
      return nil
    end
  end
end

--- Starts a script of this folder and returns at once.
---@param command string the host, and its options
---@param script string
---@param ... string the script's arguments
function child.start(command, script, ...)
  local words = { command, quote(folder .. script .. ".lua") }
  for _, argument in ipairs { ... } do
    words[#words + 1] = quote(argument)
  end
  local output = os.tmpname()
  local line = ("%s >%s 2>&1; echo $? >%s.status"):format(table.concat(words, " "), output, output)
  return setmetatable({ output = output, pipe = assert(io.popen(line)) }, child)
end

--- Whether it has ended by now.
function child:ended()
  return (read_file(self.output .. ".status") or ""):find("\n") ~= nil
end

--- Waits for its end. Returns its exit code and all that it printed.
---@return integer code
---@return string output
function child:finish()
  self.pipe:close()
  local code, output = read_file(self.output .. ".status"), read_file(self.output)
  os.remove(self.output)
  os.remove(self.output .. ".status")
  return tonumber(code), output
end

return child
