--- Every spec runs in strict mode: a global that the library reads or writes by mistake raises.
local allowed = {}
for name in pairs(_G) do
  allowed[name] = true
end

local function from_library()
  local info = debug.getinfo(3, "S")
  return info and info.source:find("/lua/aitronos", 1, true) ~= nil
end

setmetatable(_G, {
  __newindex = function(globals, name, value)
    if from_library() then
      error("the library wrote the global " .. tostring(name), 2)
    end
    rawset(globals, name, value)
  end,
  __index = function(_, name)
    if not allowed[name] and from_library() then
      error("the library read the global " .. tostring(name), 2)
    end
  end,
})
