-- What the specs of the journal share. On a Lua without luaposix, `unfit` says so.

local busted = require "busted"
local quote = require("spec.support.shell").quote

local M = {}

if not pcall(require, "posix.unistd") then
  M.unfit = "luaposix is not there for this Lua"
end

M.ORGANIZATION = "org_xyz789"

---A path at which nothing is yet.
function M.path()
  local path = os.tmpname()
  os.remove(path)
  return path
end

---@class spec.Journal
---@field path string where nothing is when a spec begins
---@field put_back fun() what was replaced
local Journal = {}
Journal.__index = Journal

---A place for the journal of each spec of the block in which it is called.
---@return spec.Journal
function M.each()
  local own = setmetatable({ path = M.path(), put_back = function() end }, Journal)
  busted.after_each(function()
    own.put_back()
    os.remove(own.path)
  end)
  return own
end

---A run's.
function Journal:open(...)
  return assert(require("aitronos.journal").open(self.path, M.ORGANIZATION, ...))
end

---What `write` says in one run is what the next one has.
function Journal:after(write)
  local journal = self:open()
  write(journal)
  assert(journal:close())
  return self:open()
end

---Replaces functions of posix.unistd until `put_back` or the end of the spec.
---@param others table<string, function>
function Journal:replace(others)
  local unistd = require "posix.unistd"
  local own = {}
  for name, other in pairs(others) do
    own[name], unistd[name] = unistd[name], other
  end
  function self.put_back()
    for name, func in pairs(own) do
      unistd[name] = func
    end
  end
end

---Starts `spec/support/journal_writer.lua`.
---@return file* pipe from which to read what it prints
function M.start_writer(mode, path)
  local lua = os.getenv("LUA_COMMAND") or "lua5.3"
  return assert(io.popen(("exec %s spec/support/journal_writer.lua %s %s")
    :format(lua, mode, quote(path))))
end

return M
