--- Properties: what holds for many random cases, and the smallest one found for which it does not.

local M = {}

-- The same numbers on every Lua, which math.random does not give.
---@return fun(least: integer, most: integer): integer
function M.random(seed)
  local state = seed % 2147483646 + 1
  state = state * 16807 % 2147483647 -- seeds that are neighbours begin alike
  return function(least, most)
    state = state * 16807 % 2147483647
    return least + math.floor(state / 2147483647 * (most - least + 1))
  end
end

--- Chunks of random sizes, as a reader takes them.
function M.chunks(text, random)
  local from = 1
  return function()
    if from > #text then
      return nil
    end
    local size = random(0, 7)
    from = from + size
    return text:sub(from - size, from - 1)
  end
end

--- All copies of a list that lack one item, and for each item the copies with a smaller one.
function M.smaller_lists(list, smaller_items)
  local out = {}
  local function put(i, ...)
    local copy = {}
    for j = 1, #list do
      if j == i then
        copy[#copy + 1] = (...)
      else
        copy[#copy + 1] = list[j]
      end
    end
    out[#out + 1] = copy
  end
  for i = 1, #list do
    put(i)
  end
  for i = 1, smaller_items and #list or 0 do
    for _, item in ipairs(smaller_items(list[i])) do
      put(i, item)
    end
  end
  return out
end

local function shrink(case, property)
  local message
  for _ = 1, 1000 do
    local found
    for _, smaller in ipairs(property.smaller(case)) do
      local fine, why = pcall(property.holds, smaller)
      if not fine then
        found, message = smaller, why
        break
      end
    end
    if not found then
      break
    end
    case = found
  end
  return case, message
end

--- `make(random)` gives a case, `holds(case)` raises where it does not hold, `smaller(case)` lists
--- smaller cases, `show(case)` says what it is. SEED in the environment begins elsewhere.
function M.check(property)
  local first = tonumber(os.getenv("SEED") or 1)
  for seed = first, first + property.cases - 1 do
    local case = property.make(M.random(seed * 7919))
    local fine, why = pcall(property.holds, case)
    if not fine then
      local smallest, message = shrink(case, property)
      message = tostring(message or why)
      error("SEED=" .. seed .. ": " .. message .. "\nfor " .. property.show(smallest), 2)
    end
  end
end

return M
