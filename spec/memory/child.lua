--- Runs a script in a process of its own, under one of the hosts that the Makefile builds beside
--- the module: what is proved there concerns a whole process, or ends one.
local busted = require "busted"
local process = require "spec.support.process"
local shell = require "spec.support.shell"

local child = {}

local folder = debug.getinfo(1, "S").source:match("^@(.*)child%.lua$")

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close() ~= nil
end

--- The path of the first of these hosts that stands beside the module that is in use; or nil.
---@param names string[]
function child.host(names)
  for place in package.cpath:gmatch("([^;]+)/%?%.so") do
    if exists(place .. "/aitronos/core.so") then
      for _, name in ipairs(names) do
        if exists(place .. "/" .. name) then
          return place .. "/" .. name
        end
      end
      return nil
    end
  end
end

--- A spec that needs this host, which `child.host` may not have found.
---@param host string|nil
function child.it_with(host, title, test)
  if host then
    busted.it(title, test)
  else
    busted.pending(title .. " (needs a host from `make build-all`; some are not under a sanitizer)")
  end
end

--- Starts a script of this folder and returns at once.
---@param command string the host, and its options
---@param script string
---@param ... string the script's arguments
---@return table a process of spec.support.process
function child.start(command, script, ...)
  local words = { command, shell.quote(folder .. script .. ".lua") }
  for _, argument in ipairs { ... } do
    words[#words + 1] = shell.quote(argument)
  end
  return process.start(table.concat(words, " "))
end

return child
