-- Runs `aitronos-invite` as a process, in a folder of its own. On a Lua without luaposix, `unfit`
-- says so.

local busted = require "busted"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local quote, read_file = shell.quote, shell.read_file

---@class spec.Command
---@field folder string
---@field base_url string of the server that it talks to
---@field key? string
---@field organization string
local Command = {}
Command.__index = Command

local M = {}

if not pcall(require, "posix.unistd") then
  M.unfit = "luaposix is not there for this Lua"
end

local root = shell.output_of("pwd"):match("^[^\n]*")

--- One for the block of specs in which it is called, with a new folder for each.
---@return spec.Command
function M.each()
  local command = setmetatable({}, Command)
  busted.before_each(function()
    command.folder = shell.output_of("mktemp -d"):match("^[^\n]*")
    command.key, command.organization = "sandbox_unlimited", "org_xyz789"
  end)
  busted.after_each(function()
    shell.run("rm -rf " .. quote(command.folder))
  end)
  return command
end

--- The same, at a sandbox that has forgotten everything.
---@return spec.Command
---@return table server as of `sandbox.start`
function M.at_sandbox()
  local command, server = M.each(), sandbox.each()
  busted.setup(function()
    command.base_url = server.base_url
  end)
  busted.before_each(function()
    server.reset()
  end)
  return command, server
end

--- That a text has all of these words.
function M.assert_has(text, ...)
  for _, words in ipairs { ... } do
    busted.assert.truthy(text:find(words, 1, true), words .. "\nis not in\n" .. text)
  end
end

function Command:path(name)
  return self.folder .. "/" .. name
end

function Command:write(name, text)
  shell.write_file(self:path(name), text)
end

--- All of a file; nil where there is none.
function Command:read(name)
  return read_file(self:path(name))
end

--- The rows of a report in JSON lines.
function Command:rows(name)
  local rows = {}
  for line in self:read(name):gmatch("[^\n]+") do
    rows[#rows + 1] = cjson.decode(line)
  end
  return rows
end

local function line_of(self, arguments, environment)
  local key = self.key and "FREDDY_API_KEY=" .. quote(self.key) or "-u FREDDY_API_KEY"
  return ("cd %s && echo $$ >pid && exec env %s AITRONOS_BASE_URL=%s %s %s "
    .. "%s/bin/aitronos-invite --org %s %s"):format(quote(self.folder), key,
    quote(self.base_url), environment or "", os.getenv("LUA_COMMAND") or "lua5.3", root,
    self.organization, arguments)
end

---@class spec.CommandEnd
---@field code integer
---@field out string
---@field err string

local function finish(self, started)
  local code, rest = started:finish()
  return { code = code, out = self:read "out", err = (self:read "err" or "") .. rest }
end

--- Starts it and returns at once.
---@param arguments string for the shell, after --org
---@param given? { stdin?: string, environment?: string }
function Command:start(arguments, given)
  given = given or {}
  self:write("stdin", given.stdin or "")
  local line = ("sh -c %s <%s >%s 2>%s"):format(
    quote(line_of(self, arguments, given.environment)), quote(self:path "stdin"),
    quote(self:path "out"), quote(self:path "err"))
  self.started = process.start(line)
end

--- Waits for its end.
---@return spec.CommandEnd
function Command:finish()
  return finish(self, self.started)
end

--- Runs it to its end, by a server of another process.
---@return spec.CommandEnd
function Command:run(arguments, given)
  self:start(arguments, given)
  return self:finish()
end

--- Runs it to its end, by a server of this one.
---@param server spec.Server
function Command:run_with(server, arguments, given)
  self:start(arguments, given)
  server:run({}, function()
    return self.started:ended()
  end)
  return self:finish()
end

--- Sends it a signal.
function Command:signal(name)
  shell.run(("kill -%s %s"):format(name, eventually(function()
    return (self:read "pid" or ""):match("%d+")
  end)))
end

return M
