--- All text of a value, its tables and what is in them included.
local function all_text(value)
  local parts = { tostring(value) }
  if type(value) == "table" then
    for key, field in next, value do
      parts[#parts + 1] = all_text(key) .. "=" .. all_text(field)
    end
  end
  return table.concat(parts, "\n")
end

return all_text
