-- What the specs of the journal share. On a Lua without luaposix, `unfit` says so.

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

function M.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

---Replaces functions of a module, or wraps them; the returned function puts them back.
---@param module table
---@param others table<string, function>
function M.replace(module, others)
  local own = {}
  for name, other in pairs(others) do
    own[name], module[name] = module[name], other
  end
  return function()
    for name, func in pairs(own) do
      module[name] = func
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
