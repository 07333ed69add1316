--- What to do when the collector finds a table gone, on every Lua.

-- Lua 5.1 finalizes userdata only.
local newproxy = rawget(_G, "newproxy")

local finalizer = {}

--- Calls `finalize(object)` once it has become garbage, in the midst of anything. Sets its
--- metatable, whose `__gc` this is.
---@generic T: table
---@param object T
---@param metatable table
---@param finalize fun(object: T)
---@return T object
function finalizer.set(object, metatable, finalize)
  metatable.__gc = finalize
  setmetatable(object, metatable)
  if newproxy then
    object.finalizer = newproxy(true)
    getmetatable(object.finalizer).__gc = function()
      finalize(object)
    end
  end
  return object
end

return finalizer
