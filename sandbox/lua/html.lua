-- HTML from templates. What is filled in is escaped, unless it was made here itself.

local html = {}

local Markup = {}

local ENTITIES = {
  ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;",
}

local function escape(value)
  if getmetatable(value) == Markup then
    return value.text
  end
  return (tostring(value):gsub("[&<>\"']", ENTITIES))
end

---@param text string  of ours
---@return table markup
function html.trust(text)
  return setmetatable({ text = text }, Markup)
end

---@param template string  in which `{name}` stands for a value; attributes are in double quotes
---@param values table<string, any>
---@return table markup
function html.fill(template, values)
  local text = template:gsub("{([%l_]+)}", function(name)
    return escape(assert(values[name], name))
  end)
  return html.trust(text)
end

---Text that may go on in the next line after a dot, a slash or an at sign, as an address should.
---@param text string
---@return table markup
function html.breakable(text)
  return html.trust((escape(text):gsub("[.@/]", "%0<wbr>")))
end

---@param pieces any[]
---@return table markup
function html.join(pieces)
  local texts = {}
  for place, piece in ipairs(pieces) do
    texts[place] = escape(piece)
  end
  return html.trust(table.concat(texts, "\n"))
end

---@param markup table
---@return string
function html.text(markup)
  return markup.text
end

return html
