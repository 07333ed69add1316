--- For what has to wait for a time-out to pass. A short one saves time, but on a slow machine even
--- what should not time out takes longer than that; then the attempt proves nothing, and is made
--- again with more time.

local SCALES = { 1, 4, 16 }

---@param attempt fun(scale: integer): boolean  whether the machine kept up with times of this scale
return function(attempt)
  for _, scale in ipairs(SCALES) do
    if attempt(scale) then
      return
    end
  end
  error("there was never time enough, not even " .. SCALES[#SCALES] .. " times as much", 2)
end
