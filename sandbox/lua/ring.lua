-- The last `size` things of a kind, in the memory of the one process there is: many times cheaper
-- than encoding each for a shared dictionary.

local ring = {}
ring.__index = ring

---@param size integer
function ring.new(size)
  return setmetatable({ size = size, count = 0, items = {} }, ring)
end

function ring:add(item)
  self.items[self.count % self.size + 1] = item
  self.count = self.count + 1
end

---Iterates over what is there, oldest first.
function ring:each()
  local place = math.max(self.count - self.size, 0)
  return function()
    if place < self.count then
      place = place + 1
      return self.items[(place - 1) % self.size + 1]
    end
  end
end

---@param most integer  at most the size
---@return any[]  the last, newest first
function ring:newest(most)
  local items = {}
  for place = self.count - 1, math.max(self.count - most, 0), -1 do
    items[#items + 1] = self.items[place % self.size + 1]
  end
  return items
end

function ring:clear()
  self.count = 0
  self.items = {}
end

return ring
