-- The last `size` texts of a kind, in a shared dictionary.

local ring = {}
ring.__index = ring


function ring.new(dictionary, size)
  return setmetatable({ dictionary = dictionary, size = size }, ring)
end


---@return integer number  of the text, from 1
function ring:add(text)
  local number = self.dictionary:incr("count", 1, 0)
  self.dictionary:set(number % self.size, text)
  return number
end


---Iterates over numbers and texts, oldest first.
function ring:each()
  local count = self.dictionary:get("count") or 0
  local number = math.max(count - self.size, 0)
  return function()
    while number < count do
      number = number + 1
      local text = self.dictionary:get(number % self.size)
      if text then
        return number, text
      end
    end
  end
end

return ring
