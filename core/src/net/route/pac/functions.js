// The functions that a proxy script may call, by their description of 1996 as MDN keeps it. __resolve, __address and __now
// come from outside: the first asks the name service, within a bound of time.
var __DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
var __MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];

function alert() {}
function dnsResolve(host) { var found = __resolve(String(host)); return found === '' ? null : found; }
function myIpAddress() { return __address(); }
function isPlainHostName(host) { return String(host).indexOf('.') < 0; }
function isResolvable(host) { return dnsResolve(host) !== null; }
function dnsDomainLevels(host) { return String(host).split('.').length - 1; }

function dnsDomainIs(host, domain) {
  host = String(host); domain = String(domain);
  return host.length >= domain.length && host.substring(host.length - domain.length) === domain;
}

function localHostOrDomainIs(host, whole) {
  host = String(host); whole = String(whole);
  return host === whole || (host.indexOf('.') < 0 && whole.indexOf(host + '.') === 0);
}

function __isAddress(text) {
  var parts = String(text).split('.');
  return parts.length === 4 && parts.every(function (part) { return /^[0-9]{1,3}$/.test(part) && +part < 256; });
}

function convert_addr(text) {
  if (!__isAddress(text)) { return 0; }
  return String(text).split('.').reduce(function (sum, part) { return sum * 256 + +part; }, 0);
}

function isInNet(host, pattern, mask) {
  var address = __isAddress(host) ? String(host) : dnsResolve(host);
  if (address === null || !__isAddress(pattern) || !__isAddress(mask)) { return false; }
  var bits = convert_addr(mask);
  return ((convert_addr(address) & bits) >>> 0) === ((convert_addr(pattern) & bits) >>> 0);
}

// One walk with one place to come back to: no pattern takes longer than the product of both lengths.
function shExpMatch(text, pattern) {
  text = String(text); pattern = String(pattern);
  var at = 0, next = 0, star = -1, mark = 0;
  while (at < text.length) {
    var wanted = pattern[next];
    if (wanted === '*') { star = next++; mark = at; }
    else if (next < pattern.length && (wanted === '?' || wanted === text[at])) { at++; next++; }
    else if (star >= 0) { next = star + 1; at = ++mark; }
    else { return false; }
  }
  while (pattern[next] === '*') { next++; }
  return next === pattern.length;
}

// The arguments without a last 'GMT', and the moment in that time or in the local one.
function __moment(given) {
  var rest = [].slice.call(given), gmt = rest[rest.length - 1] === 'GMT', now = new Date(__now());
  if (gmt) { rest.pop(); }
  return {
    rest: rest,
    day: gmt ? now.getUTCDay() : now.getDay(),
    date: gmt ? { y: now.getUTCFullYear(), m: now.getUTCMonth(), d: now.getUTCDate() }
      : { y: now.getFullYear(), m: now.getMonth(), d: now.getDate() },
    seconds: gmt ? (now.getUTCHours() * 60 + now.getUTCMinutes()) * 60 + now.getUTCSeconds()
      : (now.getHours() * 60 + now.getMinutes()) * 60 + now.getSeconds()
  };
}

// Between both ends, both included; around the end of the week, month or day where the first is the later one.
function __between(now, first, last, around) {
  if (first <= last) { return first <= now && now <= last; }
  return around && (now >= first || now <= last);
}

function weekdayRange() {
  var moment = __moment(arguments);
  var days = moment.rest.map(function (name) { return __DAYS.indexOf(String(name).toUpperCase()); });
  if (days.length < 1 || days.length > 2 || days.indexOf(-1) >= 0) { return false; }
  return __between(moment.day, days[0], days[days.length - 1], true);
}

function dateRange() {
  var moment = __moment(arguments), parts = moment.rest;
  function read(some) {
    return some.reduce(function (date, part) {
      var month = __MONTHS.indexOf(String(part).toUpperCase());
      if (month >= 0) { date.m = month; } else if (+part > 31) { date.y = +part; } else { date.d = +part; }
      return date;
    }, {});
  }
  function rank(date, like) {
    return ['y', 'm', 'd'].reduce(function (sum, field) {
      return sum * 10000 + (like[field] === undefined ? 0 : date[field]);
    }, 0);
  }
  if (parts.length < 1) { return false; }
  var half = parts.length % 2 === 0 ? parts.length / 2 : parts.length;
  var first = read(parts.slice(0, half)), last = half === parts.length ? first : read(parts.slice(half));
  return __between(rank(moment.date, first), rank(first, first), rank(last, first), first.y === undefined);
}

function timeRange() {
  var moment = __moment(arguments), parts = moment.rest.map(Number);
  function seconds(some) { return ((some[0] || 0) * 60 + (some[1] || 0)) * 60 + (some[2] || 0); }
  if (parts.length === 1) { return __between(moment.seconds, parts[0] * 3600, parts[0] * 3600 + 3599, false); }
  if (parts.length < 1 || parts.length % 2 !== 0) { return false; }
  var half = parts.length / 2;
  return __between(moment.seconds, seconds(parts.slice(0, half)), seconds(parts.slice(half)), true);
}
