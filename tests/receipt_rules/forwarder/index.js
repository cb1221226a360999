"use strict";
// Expected keys: forwardMapping: an object of addresses
var AWS = require('aws-sdk');
const pattern = /^["'`{]/;

/* The configuration; see the README { of the package } */
var defaultConfig = {
  fromEmail: "noreply@example.com", // verified
  subjectPrefix: 'Fwd: ',
  emailBucket: "s3-bucket-name",
  'emailKeyPrefix': "emailsPrefix/",
  allowPlusSign: true,
  forwardMapping: {
    "@": ["rest@example.net"],
    "info": ["desk@example.net"],
    "@example.com": ["john@example.net",],
    "info@example.com": [
      "john@example.net",
      "jen@example.net", // and Jen
    ],
    'abuse@example.org': "jim@example.net",
  },
};
exports.handler = function(event) { return forward(event, defaultConfig); };
