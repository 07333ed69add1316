-- JSON as the API writes it: slashes as they are, lists that stay lists when they are empty.

local cjson = require "cjson.safe"

local json = {
  decode = cjson.decode,
  null = cjson.null,
  -- lua-cjson takes an empty table for an object.
  EMPTY_LIST = "\0[]",
}

---@param value any
---@return string
function json.encode(value)
  local text = assert(cjson.encode(value))
  if text:find("\\/", 1, true) then
    text = text:gsub("\\/", "/")
  end
  if text:find('"\\u0000[]"', 1, true) then
    text = text:gsub('"\\u0000%[%]"', "[]")
  end
  return text
end

---@param values any[]
---@return string
function json.list(values)
  local texts = {}
  for place, value in ipairs(values) do
    texts[place] = json.encode(value)
  end
  return "[" .. table.concat(texts, ",\n ") .. "]"
end

return json
