--- Something that calls a function when it is collected, as a host's own objects may.

-- newproxy, which makes what can have a finalizer in Lua 5.1, is gone from later ones.
local newproxy = rawget(_G, "newproxy")

---@param finalizer fun()  what it raises, nobody hears of
return function(finalizer)
  if not newproxy then
    return setmetatable({}, { __gc = finalizer })
  end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = finalizer
  return proxy
end
